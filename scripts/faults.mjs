// npm run faults: the long form of the kill campaign. Its verdict line is added to
// docs/measurements/faults.txt.
import { become, bin } from "./lib/process.mjs";

process.env.TESTYARD_FAULTS = "long";
become(bin("vitest"), ["run", "test/faults"]);
