-- SPDX-License-Identifier: Apache-2.0
-- Small real programs, dynamic and static, fixed and position-independent: their output is the same, and their text
-- is huge where it can be.

local core = require "tiexec.core"
local specimen = require "tests.lib.specimen"
local support = require "tests.lib.support"

local program = specimen.program

describe("under tiexec,", function()
    setup(specimen.prepare(24))
    teardown(specimen.restore)

    specimen.define("echo -e with multi-byte characters",
        program { "/bin/echo", "-e", "gr\u{fc}n \\u20ac\\t\\xe2\\x82\\xac \u{1f40c}\\n\\u4e2d\u{6587}" })

    specimen.define("bash", program({ "/bin/bash" },
        "for i in {1..2000}; do ((sum[i % 7] += i)); done; echo ${sum[@]} $(echo sub) ${#0}; exit 5\n",
        { status = 5 }))

    specimen.define("python3", program({ "/usr/bin/python3", "-" },
        "import re, sys\nprint(re.sub('[aeiou]', '', repr(sorted(sys.builtin_module_names))))\nsys.exit(3)\n",
        { status = 3 }), 1)

    specimen.define("busybox-static", program({ "/bin/busybox", "sha256sum" }, ("tiexec"):rep(100000)))

    specimen.define("go version", program { "/usr/bin/go", "version" }, 1)

    specimen.define("git cat-file", function()
        local made, why = program({ "git", "cat-file", "--batch" }, "HEAD\nHEAD^{tree}\nHEAD:a\nHEAD:b\n")()
        if not made then return nil, why end
        local git = "git -c user.name=a -c user.email=a@example.org"
        local result = support.shell(([[cd %s && git init -q repo && cd repo && seq 20000 >a && git add a &&
            %s commit -q -m one && git gc -q]]):format(made.folder.path, git))
        assert.equal(0, result.code, result.err)
        table.insert(made.words, 2, "-C")
        table.insert(made.words, 3, made.folder.path .. "/repo")
        return made
    end, 1)

    -- A program that starts in its own text, and not in the dynamic linker's.
    local function go_program(name)
        return function()
            local path = support.programs .. name
            if not core.stat(path) then return nil, "it was made without a Go compiler" end
            return program({ path }, ("a line of input\n"):rep(5000), { status = 9 })()
        end
    end
    specimen.define("a static Go program", go_program "lines", core.host().arch == "x86-64" and 1 or 0)
    specimen.define("a static Go program above the lowest huge page", go_program "lines-above", 1)

    for _, name in ipairs { "static_exec", "static_pie" } do
        specimen.define(name, program({ support.programs .. name }, ("a line of input\n"):rep(3000), { status = 7 }), 1)
    end
end)
