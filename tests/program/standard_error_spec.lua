-- SPDX-License-Identifier: Apache-2.0
-- Standard error, whatever it is: messages neither end, stop nor delay CMD, and nothing is kept open for them.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local tiexec = "timeout -k 3 60 " .. support.tiexec
local ample = support.programs .. "ample"

-- Runs a shell script in which $T is tiexec with something to complain of, and F a fresh folder.
local function complaining(script)
    local folder <close> = support.folder()
    local text = ("T='env TIEXEC=bogus %s'; F=%s; exec 3>&1; %s"):format(tiexec, folder.path, script)
    return support.shell(text)
end

describe("a message", function()
    it("to a pipe that nobody reads does not end CMD", function()
        local result = complaining [[{ while [ ! -e $F/gone ]; do sleep 0.01; done; $T sh -c 'echo alive >&3'; } 2>&1 |
            { exec <&-; touch $F/gone; }]]
        assert.equal("alive\n", result.out)
    end)

    it("to a full pipe does not wait for a reader", function()
        local result = complaining [[{ head -c 65536 /dev/zero; $T sh -c 'echo alive >&3'; touch $F/done; } 2>&1 |
            while [ ! -e $F/done ]; do sleep 0.01; done]]
        assert.equal("alive\n", result.out)
    end)

    it("to a full FIFO does not wait for a reader, of the tracer neither", function()
        local result = complaining [[mkfifo $F/pipe; exec 4<>$F/pipe; head -c 65536 /dev/zero >&4
            $T -v --debug plan,maps sh -c 'echo alive >&3' 2>$F/pipe]]
        assert.equal("alive\n", result.out)
    end)

    it("to a closed standard error is dropped", function()
        local result = complaining "$T sh -c 'echo alive >&3' 2>&-"
        assert.equal("alive\n", result.out)
    end)

    it("beyond RLIMIT_FSIZE does not end CMD", function()
        local result = complaining "(ulimit -f 0; $T sh -c 'echo alive' 2>$F/log) | cat"
        assert.equal("alive\n", result.out)
    end)

    it("leaves signals as the caller gave them", function()
        local show <const> = "grep '^Sig[PBIC]\\|^ShdPnd' /proc/self/status"
        local folder <close> = support.folder()
        for _, before in ipairs { "", "trap '' PIPE; ", "ulimit -f 0; " } do
            local plain = support.shell(("(%s%s) | cat"):format(before, show)).out
            local text = ("(%sTIEXEC=bogus %s %s 2>%s/log) | cat"):format(before, support.tiexec, show, folder.path)
            assert.truthy(plain:find("SigIgn", 1, true))
            assert.equal(plain, support.shell(text).out)
        end
    end)

    it("shows control characters of names", function()
        local result = support.run_tiexec { "\27[2Jno\u{9b}such\xff\nname\u{e9}" }
        assert.equal(127, result.code)
        assert.equal("tiexec: \\x1b[2Jno\\xc2\\x9bsuch\\xff name\\xc3\\xa9: No such file or directory\n", result.err)
        result = support.run_tiexec { "no-such-\u{e9}" }
        assert.equal("tiexec: no-such-\u{e9}: No such file or directory\n", result.err)
    end)

    it("shows control characters of names in tables", function()
        local folder <close> = support.folder()
        local path = folder.path .. "/a\27[31mmple"
        os.execute(("cp %s %s"):format(ample, support.quote { path }))
        for _, words in ipairs { { "-v", "--debug", "maps,plan", path, "x" }, { "--inspect", "--", path, "wait" },
            { "-v", "--inspect", "--", path, "wait" }, { "--check", path } } do
            local result = support.run_tiexec(words)
            local said = result.err .. result.out
            assert.truthy(said:find("a\\x1b[31mmple", 1, true), said)
            assert.is_nil(said:find("\27", 1, true))
        end
    end)
end)

describe("a signal that this process brings upon itself before CMD", function()
    it("does not end CMD, which finds its own signals as they were", function()
        if support.run({ "strace", "-V" }).code ~= 0 then return pending("no strace") end
        local words = { "grep", "Sig[BI]", "/proc/self/status" }
        local plain = support.run(words)
        for _, signal in ipairs { "XCPU", "XFSZ", "PIPE" } do
            local result = support.run(support.concat({ "strace", "-o", "/dev/null", "-e", -- as Lua looks for CMD
                "inject=faccessat2:when=2:signal=" .. signal, support.tiexec }, words))
            assert.same({ plain.out, 0 }, { result.out, result.code }, result.err)
        end
    end)
end)

describe("standard error is kept open no longer than by CMD:", function()
    it("a command substitution returns when CMD's processes have closed it", function()
        for _, follow in ipairs { "exec", "fork", "all" } do
            local folder <close> = support.folder()
            local result = support.shell(([[out=$(%s --follow=%s sh -c '
                { while [ ! -e %s/go ]; do sleep 0.01; done; touch %s/went; } >/dev/null 2>&1 </dev/null &
                echo up' 2>&1); echo "$out"; ls %s; touch %s/go]])
                :format(tiexec, follow, folder.path, folder.path, folder.path, folder.path))
            assert.equal("up\n", result.out)
            assert.truthy(support.wait_for(function() return support.read_file(folder.path .. "/went") end))
        end
    end)

    it("later lines go where the program's own go, if that is the same file", function()
        local folder <close> = support.folder()
        os.execute("mkdir -p " .. folder.path .. "/tiexec/profiles.d")
        support.write_file(folder.path .. "/tiexec/profiles.d/x.lua",
            "return { match = { basename = 'ample' }, strategy = 'no-such' }")
        local function run(script)
            return support.run { "env", "XDG_CONFIG_HOME=" .. folder.path, support.tiexec, "--follow=all", "sh", "-c",
                script }
        end
        assert.truthy(run(ample .. " x; true").err:find("^tiexec: ample: [^\n]*no strategy 'no%-such'[^\n]*\n$"))
        local other = folder.path .. "/other"
        assert.equal("", run(("%s x 2>%s; true"):format(ample, other)).err)
        assert.equal("", support.read_file(other))
    end)
end)

describe("a report", function()
    it("is not inherited by CMD, where there is no tracer neither", function()
        local folder <close> = support.folder()
        local file = folder.path .. "/report"
        for _, prefix in ipairs { {}, { support.programs .. "deny", "ptrace", "EPERM" } } do
            local result = support.run(support.concat(prefix, { support.tiexec, "--report", file, "ls", "-l",
                "/proc/self/fd" }))
            assert.equal(0, result.code)
            assert.is_nil(result.out:find("report", 1, true))
            assert.truthy(core.stat(file).size > 0)
        end
    end)

    it("to a FIFO that nobody reads is refused at once", function()
        local result = complaining [[mkfifo $F/pipe; $T --report $F/pipe sh -c 'echo alive' 2>$F/log; grep -c . $F/log]]
        assert.equal("alive\n2\n", result.out)
    end)

    it("to a full FIFO is not waited for", function()
        local result = complaining [[mkfifo $F/pipe; exec 4<>$F/pipe; head -c 65536 /dev/zero >&4
            $T --report $F/pipe sh -c 'echo alive' 2>$F/log]]
        assert.equal("alive\n", result.out)
    end)

    it("beyond RLIMIT_FSIZE does not end CMD", function()
        local result = complaining(("(ulimit -f 0; %sdeny ptrace EPERM $T --report $F/report sh -c 'echo alive') | cat")
            :format(support.programs))
        assert.equal("alive\n", result.out)
    end)
end)
