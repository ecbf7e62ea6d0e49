/** The release, as `package.json` has it (a test compares the two) and as status, metrics and checks' User-Agent show it. */
export const version = "0.1.0";
