-- SPDX-License-Identifier: Apache-2.0
--- The version of tiexec.

return "0.1.0"
