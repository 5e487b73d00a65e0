// The report: load again when it is computed.

import "./common.js";
