import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jobOf, JOB_VARIABLES, type JobIdentity } from "../../../../src/probes/process/job/identity.ts";

type Told = [jobId: string | undefined, rank?: number, worldSize?: number, localRank?: number];

/** The environments as each launcher sets them; those of torchrun and Open MPI 4 were recorded. */
const TORCHRUN = {
  RANK: "1",
  WORLD_SIZE: "4",
  LOCAL_RANK: "1",
  MASTER_ADDR: "127.0.0.1",
  MASTER_PORT: "29500",
  TORCHELASTIC_RUN_ID: "none",
};
const OPEN_MPI_4 = {
  OMPI_COMM_WORLD_RANK: "1",
  OMPI_COMM_WORLD_SIZE: "2",
  OMPI_COMM_WORLD_LOCAL_RANK: "1",
  OMPI_MCA_ess_base_jobid: "1185480705",
  PMIX_NAMESPACE: "1185480705",
  PMIX_RANK: "1",
};
const BATCH = { SLURM_JOB_ID: "4711", SLURM_PROCID: "0", SLURM_LOCALID: "0", SLURM_NTASKS: "8" };
const STEP = { ...BATCH, SLURM_STEP_ID: "0", SLURM_PROCID: "5", SLURM_LOCALID: "1", SLURM_STEP_NUM_TASKS: "8" };
const HYDRA = { PMI_RANK: "2", PMI_SIZE: "4", MPI_LOCALRANKID: "0" };
const POD_UID = "2f1c7e5a-1111-2222-3333-444455556666";
const POD = `/kubepods.slice/kubepods-pod${POD_UID.replaceAll("-", "_")}.slice/cri-containerd-${"ab".repeat(32)}.scope`;

const TOLD: [what: string, variables: Record<string, string>, told: Told | undefined, cgroup?: string][] = [
  ["nobody", { HOSTNAME: "web-0" }, undefined, "/system.slice/nginx.service"],
  ["torchrun by itself, which calls every run none", TORCHRUN, ["node-a:29500", 1, 4, 1]],
  ["torchrun in a container", TORCHRUN, ["abababababab:29500", 1, 4, 1], `/docker/${"ab".repeat(32)}`],
  ["torchrun with --rdzv-id", { ...TORCHRUN, TORCHELASTIC_RUN_ID: "exp-3" }, ["exp-3", 1, 4, 1]],
  [
    "DeepSpeed, on several hosts",
    { ...TORCHRUN, TORCHELASTIC_RUN_ID: "", MASTER_ADDR: "10.0.0.1" },
    ["10.0.0.1:29500", 1, 4, 1],
  ],
  ["a shell that happens to have a RANK", { RANK: "3" }, undefined],
  ["a rank outside its world", { RANK: "4", WORLD_SIZE: "4" }, undefined],
  ["no number", { RANK: "x", WORLD_SIZE: "4" }, undefined],
  ["whoever tells where ranks meet", { MASTER_ADDR: "10.0.0.1", MASTER_PORT: "29500" }, ["10.0.0.1:29500"]],
  ["NCCL alone", { NCCL_COMM_ID: "[fd00::1]:4000" }, ["fd00::1:4000"]],
  ["Open MPI 4", OPEN_MPI_4, ["mpi-1185480705", 1, 2, 1]],
  ["Open MPI 5", { ...OPEN_MPI_4, PMIX_NAMESPACE: "prterun-node-a-77@1" }, ["prterun-node-a-77@1", 1, 2, 1]],
  ["PMIx without Open MPI", { PMIX_RANK: "3", PMIX_NAMESPACE: "flux-a" }, ["flux-a", 3]],
  ["Hydra, which names no job", HYDRA, [undefined, 2, 4, 0]],
  ["older Hydra", { PMI_ID: "2", PMI_SIZE: "4" }, [undefined, 2, 4]],
  ["an sbatch script, which has a PROCID too", BATCH, ["4711"]],
  ["an sbatch script of old Slurm", { ...BATCH, SLURM_STEP_ID: "4294967291" }, ["4711"]],
  ["srun", STEP, ["4711.0", 5, 8, 1]],
  ["srun with PMIx", { ...STEP, PMIX_RANK: "5", PMIX_NAMESPACE: "slurm.pmix.4711.0" }, ["4711.0", 5]],
  ["srun with PMI-2", { ...STEP, PMI_RANK: "5", PMI_SIZE: "8" }, ["4711.0", 5, 8]],
  ["torchrun in a step of Slurm", { ...STEP, ...TORCHRUN, MASTER_ADDR: "gpu-1" }, ["4711/gpu-1:29500", 1, 4, 1]],
  ["torchrun that was given Slurm's id", { ...STEP, ...TORCHRUN, TORCHELASTIC_RUN_ID: "4711" }, ["4711", 1, 4, 1]],
  ["mpirun in an sbatch script", { ...BATCH, ...OPEN_MPI_4 }, ["4711/mpi-1185480705", 1, 2, 1]],
  ["Slurm, by the cgroup alone", {}, ["4711.0"], "/system.slice/slurmstepd.scope/job_4711/step_0/user/task_0"],
  ["Slurm's batch step, by the cgroup", {}, ["4711"], "/slurm/uid_0/job_4711/step_batch"],
  [
    "Horovod over gloo",
    {
      HOROVOD_RANK: "1",
      HOROVOD_SIZE: "2",
      HOROVOD_LOCAL_RANK: "1",
      HOROVOD_GLOO_RENDEZVOUS_ADDR: "10.0.0.1",
      HOROVOD_GLOO_RENDEZVOUS_PORT: "4000",
    },
    ["10.0.0.1:4000", 1, 2, 1],
  ],
  ["Horovod over MPI", { ...OPEN_MPI_4, HOROVOD_RANK: "1", HOROVOD_SIZE: "2" }, ["mpi-1185480705", 1, 2]],
  ["Ray", { RAY_JOB_ID: "01000000" }, ["ray-01000000"]],
  ["an indexed Job of Kubernetes", { JOB_COMPLETION_INDEX: "2", HOSTNAME: "train-2" }, ["train", 2], POD],
  [
    "an indexed Job whose pods have other names",
    { JOB_COMPLETION_INDEX: "2", HOSTNAME: "x" },
    [`pod:${POD_UID}`, 2],
    POD,
  ],
  ["a pod", { HOSTNAME: "web-7d9f" }, [`pod:${POD_UID}`], POD],
  [
    "Kubeflow in a pod",
    { ...TORCHRUN, TORCHELASTIC_RUN_ID: "", MASTER_ADDR: "train-master-0" },
    ["train-master-0:29500", 1, 4, 1],
    POD,
  ],
];

for (const [what, variables, told, cgroup] of TOLD) {
  test(`told by ${what}`, () => {
    assert.deepEqual(
      Object.keys(variables).filter((name) => !JOB_VARIABLES.includes(name)),
      [],
    );
    assert.deepEqual(summary(jobOf(variables, { cgroup, host: "node-a" })), summaryOf(told));
  });
}

test("where the flight recorder dumps: the newer name before the older, and only where it is a path", () => {
  assert.equal(prefixOf({}), undefined);
  assert.equal(prefixOf({ TORCH_NCCL_DEBUG_INFO_TEMP_FILE: "/tmp/nccl_" }), "/tmp/nccl_");
  const both = { TORCH_FR_DUMP_TEMP_FILE: "/tmp/fr_", TORCH_NCCL_DEBUG_INFO_TEMP_FILE: "/tmp/nccl_" };
  assert.equal(prefixOf(both), "/tmp/fr_");
  for (const odd of ["fr_", "", "/tmp/\u001b[2J", `/${"a".repeat(300)}`]) {
    assert.equal(prefixOf({ TORCH_FR_DUMP_TEMP_FILE: odd }), undefined);
  }
});

test("whatever is set, an id fits an event, and a rank is in its world", () => {
  const value = fc.oneof(fc.string({ maxLength: 512 }), fc.nat().map(String), fc.constantFrom("0", "1", "none", ""));
  const variables = fc.dictionary(fc.constantFrom(...JOB_VARIABLES), value, { noNullPrototype: true });
  const cgroup = fc.oneof(fc.constant(POD), fc.constant("/job_1/step_0"), fc.string());
  fc.assert(
    fc.property(variables, cgroup, (set, path) => {
      const job = jobOf(set, { cgroup: path, host: "node-a" });
      if (job === undefined) return;
      assert.ok(job.jobId === undefined || (job.jobId !== "" && Buffer.byteLength(job.jobId) <= 512));
      if (job.rank !== undefined && job.worldSize !== undefined) assert.ok(job.rank < job.worldSize);
    }),
  );
});

function prefixOf(set: Record<string, string>) {
  return jobOf({ ...TORCHRUN, ...set }, { cgroup: undefined, host: "node-a" })?.flightPrefix;
}

function summary(job: JobIdentity | undefined) {
  return job && { jobId: job.jobId, rank: job.rank, worldSize: job.worldSize, localRank: job.localRank };
}

function summaryOf(told: Told | undefined) {
  if (told === undefined) return undefined;
  const [jobId, rank, worldSize, localRank] = told;
  return { jobId, rank, worldSize, localRank };
}
