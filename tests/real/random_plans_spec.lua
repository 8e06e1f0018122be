-- SPDX-License-Identifier: Apache-2.0
-- Random plans for large programs. The pool is small, so that ranges are split between sources.

local random_plans = require "tests.lib.random_plans"
local specimen = require "tests.lib.specimen"

describe("with random plans", function()
    setup(specimen.prepare(20))
    teardown(specimen.restore)

    local source <const> = "int main(int argc, char **argv) { return argv[argc - 1][0] * 3; }\n"

    random_plans.define("clang", specimen.program({ "/usr/bin/clang", "-O2", "-S", "-x", "c", "-o", "-", "-" },
        source), 12)

    random_plans.define("cc1plus", function()
        local compiler = specimen.cc1plus()
        if not compiler then return nil, "g++ is not installed" end
        return specimen.program({ compiler, "-quiet", "-O2", "-o", "-" }, source)()
    end, 12)

    random_plans.define("rustc", specimen.program { "/usr/bin/rustc", "-vV" }, 8)

    random_plans.define("node", specimen.program({ "/usr/bin/node", "-" },
        "let s = 0; for (let i = 0; i < 1e6; i++) s += i % 7; console.log(s, process.version); process.exit(4)\n"), 12)

    random_plans.define("mariadbd", specimen.program { "/usr/sbin/mariadbd", "--no-defaults", "--version" }, 8)

    random_plans.define("prometheus", specimen.program { "/usr/bin/prometheus", "--version" }, 8)

    random_plans.define("etcd", specimen.program { "/usr/bin/etcd", "--version" }, 8)
end)
