-- SPDX-License-Identifier: Apache-2.0
--- What a start may need, in CMD's process and in the tracer. The program is built with these
-- modules loaded (core/lua/built.h); those that they require at once come with them. So while it
-- is loaded, none of them may ask anything of the host or of the process: the answer would be that
-- of the host on which tiexec was built.

local needed = {}

local NAMES <const> = {
    "tiexec.cli",
    "tiexec.harness.uncallable",
    "tiexec.plan.parameters",
    "tiexec.plan.validate",
    "tiexec.remap.executor",
    "tiexec.remap.stage",
    "tiexec.sources.file",
    "tiexec.start.family",
    "tiexec.start.launcher",
    "tiexec.start.relocate",
    "tiexec.start.steer",
    "tiexec.start.tracer",
    "tiexec.strategies.aggressive",
    "tiexec.watch",
    "tiexec.watch.permission",
}

for _, name in ipairs(NAMES) do require(name) end

return needed
