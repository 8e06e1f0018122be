-- SPDX-License-Identifier: Apache-2.0
-- Random plans for small real programs. The pool is small, so that ranges are split between sources.

local random_plans = require "tests.lib.random_plans"
local specimen = require "tests.lib.specimen"
local support = require "tests.lib.support"

local SEEDS <const> = tonumber(os.getenv("TIEXEC_PLANS")) or support.rounds(10)

describe("with random plans", function()
    setup(specimen.prepare(2))
    teardown(specimen.restore)

    random_plans.define("python3", specimen.program({ "/usr/bin/python3", "-" },
        "import sys\nprint(sum(i * i for i in range(100000)), sys.argv)\nsys.exit(3)\n"), SEEDS)

    random_plans.define("go", specimen.program { "/usr/bin/go", "version" }, SEEDS)

    for _, name in ipairs { "static_exec", "static_pie" } do
        random_plans.define(name, specimen.program({ support.programs .. name }, ("a line\n"):rep(3000)), SEEDS)
    end
end)
