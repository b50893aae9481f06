// The provider of the browser's tests, for the rehearsal: says its address and a script's token, one line
// each, and goes on until its standard input ends.

import { startProvider } from "../browser/support/provider.js";

const provider = await startProvider();
provider.serve(process.argv[2]);
console.log(provider.issuer);
console.log(await provider.token());
process.stdin.resume();
process.stdin.on("end", () => process.exit());
