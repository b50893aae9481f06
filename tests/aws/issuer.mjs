// The provider of the browser's tests, for the rehearsal: says its address and a script's token in one line
// of JSON, and goes on until its standard input ends.

import { startProvider } from "../browser/support/provider.js";

const provider = await startProvider();
provider.serve(process.argv[2]);
const token = await provider.token();
// The provider's own notices go before it.
console.log(JSON.stringify({ issuer: provider.issuer, token }));
process.stdin.resume();
process.stdin.on("end", () => process.exit());
