/** The version, as package.json says it; put in when the bundle is built. */
import manifest from "../package.json" with { type: "json" };

export const VERSION: string = manifest.version;
