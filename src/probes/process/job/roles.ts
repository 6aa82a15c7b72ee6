/**
 * Who of a tree of processes is a rank, who works for one, and who started them. Everything that a rank starts inherits
 * its variables, so the place in the tree decides: the topmost with a rank's variables is the rank.
 */
import { inside, type JobIdentity } from "./identity.ts";
import type { Family, Member } from "./family.ts";
import { isLauncher, isPythonHelper, isSupervisor, isWrapper, launchedName } from "./launchers.ts";
import type { Membership } from "./membership.ts";

/** What the processes above a process mean for it. */
export interface Above {
  /** It stands below this rank. */
  rank?: Membership | undefined;
  /** Its parent started ranks, of which these are likely some, though nothing says so of them. */
  launcher?: { jobId: string; likely: ReadonlySet<Member> } | undefined;
  /** What launchers above it are called by, where they gave the job no name. */
  launched?: string | undefined;
  /** Its parent only stands between the launcher and the rank, which is this one. */
  rankOf?: { member: Member; membership: Membership } | undefined;
}

export interface Finding {
  membership: Membership | undefined;
  /** For its children. */
  above: Above;
}

/** Levels of proxies and shells between a launcher and its ranks. */
const MAX_LEVELS = 4;
/** A launcher starts its ranks at once. */
const TOGETHER_MS = 10_000;

/** `isClaimed`: another process that lives is this rank already. */
export function roleOf(
  member: Member,
  above: Above,
  family: Family,
  isClaimed: (member: Member, membership: Membership) => boolean,
): Finding {
  const { identity } = member;
  if (above.rank !== undefined) return { membership: { ...above.rank, role: "helper" }, above: { rank: above.rank } };
  if (above.rankOf !== undefined && above.rankOf.member !== member) {
    const rank = above.rankOf.membership;
    return { membership: { ...rank, role: "helper" }, above: { rank } };
  }
  const launcher = asLauncher(member, above, family);
  if (launcher !== undefined) return launcher;
  const rank = identity === undefined ? undefined : rankIn(identity, above.launched);
  if (rank !== undefined) return asRank(member, rank, above, family, isClaimed);
  if (above.launcher?.likely.has(member) === true) {
    const membership: Membership = { ...NO_RANK, jobId: above.launcher.jobId, role: "rank" };
    return { membership, above: { rank: membership } };
  }
  if (identity?.jobId !== undefined) {
    return { membership: { ...NO_RANK, jobId: identity.jobId, role: undefined }, above: {} };
  }
  if (above.launcher === undefined) return { membership: undefined, above: {} };
  const { jobId } = above.launcher;
  return { membership: { ...NO_RANK, jobId, role: "helper" }, above: {} };
}

const NO_RANK = { rank: undefined, localRank: undefined, worldSize: undefined, flightPrefix: undefined };

function asRank(
  member: Member,
  rank: Membership,
  { launched, rankOf }: Above,
  family: Family,
  isClaimed: (member: Member, membership: Membership) => boolean,
): Finding {
  // Whose parent died is no rank for that.
  const isOrphan = rankOf === undefined && member.membership?.role === "helper";
  const wasHelper = isOrphan && keyOf(member.membership as Membership) === keyOf(rank);
  const inner = isWrapper(member) && !wasHelper ? innerOf(member, family) : undefined;
  if (inner !== undefined) {
    const membership: Membership = { ...rank, role: "launcher" };
    return { membership, above: { launched, rankOf: { member: inner, membership: rank } } };
  }
  const role = wasHelper || isClaimed(member, rank) ? "helper" : "rank";
  return { membership: { ...rank, role }, above: { rank } };
}

/** The child for whose sake a shell or a tool is there: of several, the one that is most of a program. */
function innerOf(member: Member, family: Family): Member | undefined {
  const key = variablesKey(member.identity);
  const inner = family.children(member).filter((child) => variablesKey(child.identity) === key);
  inner.sort((a, b) => b.process.threads - a.process.threads || a.process.startTicks - b.process.startTicks);
  return inner[0];
}

function asLauncher(member: Member, above: Above, family: Family): Finding | undefined {
  const { identity } = member;
  const isKnown = isLauncher(member);
  const started = startedRanks(member, family, isKnown ? MAX_LEVELS : 1);
  const likely = likelyRanks(member, family, isKnown, started.length > 0);
  if (!isKnown && !startsRanks(member, started) && likely.size === 0) return undefined;
  const children = family.children(member);
  const launched = above.launched ?? launchedName(member, children);
  const first = started[0] ?? [...likely].find((child) => child.identity?.isNamed === true)?.identity;
  const named = first ?? (identity?.rank === undefined ? identity : undefined);
  const isAtWork = started.length > 0 || likely.size > 0;
  const jobId = named === undefined ? undefined : isAtWork ? jobIdOf(named, launched) : named.jobId;
  if (jobId === undefined && !isAtWork) return { membership: undefined, above: { launched } };
  const own = jobId ?? inside(identity?.batch, launched);
  return {
    membership: { ...NO_RANK, jobId: own, role: "launcher" },
    above: { launched, ...(isAtWork ? { launcher: { jobId: own, likely } } : {}) },
  };
}

/** The identities of the ranks that it started, down to so many levels of proxies and shells, that are not its own. */
function startedRanks(member: Member, family: Family, levels: number): JobIdentity[] {
  const own = variablesKey(member.identity);
  return family.children(member).flatMap((child) => {
    const { identity } = child;
    if (identity?.rank !== undefined && variablesKey(identity) !== own && !isLauncher(child)) return [identity];
    const isBetween = isLauncher(child) || (isWrapper(child) && identity?.rank !== undefined);
    return levels > 1 && isBetween ? startedRanks(child, family, levels - 1) : [];
  });
}

/**
 * Whether these make a launcher of a program that is not known as one. A rank may start something to which it tells
 * another rank, so that it takes itself for alone; that makes the rank no launcher. A shell starts whatever a person
 * types; one that was told of the job itself runs the script that starts it.
 */
function startsRanks(member: Member, started: readonly JobIdentity[]): boolean {
  const { identity } = member;
  const [first] = started;
  if (first === undefined || isSupervisor(member)) return false;
  const places = new Set(started.map(({ rank, worldSize }) => `${rank} of ${worldSize}`));
  const areTogether = places.size > 1 && started.every(({ worldSize }) => worldSize === first.worldSize);
  if (isWrapper(member)) {
    const isTold = identity?.isNamed === true && identity.rank === undefined;
    return isTold && areTogether && started.every(({ jobId }) => jobId === identity.jobId);
  }
  return identity?.rank === undefined || areTogether;
}

/**
 * Children of which nothing tells the rank, though they are ranks by all appearances: alike, started together, by a
 * launcher, or by a Python program that told all of them the same meeting point. Which rank is whose is not guessed.
 */
function likelyRanks(member: Member, family: Family, isKnown: boolean, hasRanks: boolean): ReadonlySet<Member> {
  const none = new Set<Member>();
  if (hasRanks || isWrapper(member) || (!isKnown && member.identity?.rank !== undefined)) return none;
  const children = family.children(member).filter((child) => !isLauncher(child) && !isPythonHelper(child));
  const candidates = children.filter(({ identity, isHidden, comm }) => {
    if (identity?.rank !== undefined) return false;
    if (isKnown && (isHidden || identity === undefined)) return true;
    return identity?.knowsMeetingPoint === true && comm.startsWith("python");
  });
  const [first] = candidates.toSorted((a, b) => a.process.startTicks - b.process.startTicks);
  if (first === undefined) return none;
  const alike = candidates.filter(
    ({ comm, process, identity }) =>
      comm === first.comm &&
      identity?.jobId === first.identity?.jobId &&
      process.startMs - first.process.startMs <= TOGETHER_MS,
  );
  return alike.length > 1 ? new Set(alike) : none;
}

function rankIn(identity: JobIdentity, launched: string | undefined): Membership | undefined {
  const { rank, localRank, worldSize, flightPrefix } = identity;
  const jobId = jobIdOf(identity, launched);
  if (rank === undefined || jobId === undefined) return undefined;
  return { jobId, role: "rank", rank, localRank, worldSize, flightPrefix };
}

/** What nothing names has its launcher's name. */
function jobIdOf({ isNamed, jobId, batch }: JobIdentity, launched: string | undefined): string | undefined {
  return isNamed || launched === undefined ? jobId : inside(batch, launched);
}

/** Who has the same is the same rank, or works for it. */
export function keyOf({ jobId, rank, worldSize }: Membership): string {
  return `${rank} of ${worldSize} in ${jobId}`;
}

/** What it got from who started it. */
function variablesKey(identity: JobIdentity | undefined): string {
  if (identity?.rank === undefined) return "";
  return `${identity.rank}/${identity.localRank} of ${identity.worldSize} in ${identity.jobId}`;
}
