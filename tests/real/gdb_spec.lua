-- SPDX-License-Identifier: Apache-2.0
-- gdb debugs large programs from their entry points on, with their text on huge pages.

local session = require "tests.lib.gdb_session"
local support = require "tests.lib.support"

-- Python for gdb: prints how many KiB of text are on huge pages, as /proc/PID/smaps says while the process is stopped.
local count <const> = [[python
import gdb
huge, is_text = 0, False
for line in open('/proc/%d/smaps' % gdb.selected_inferior().pid):
    word, *more = line.split()
    if not word.endswith(':'): is_text = 'x' in more[0]
    elif is_text and word in ('FilePmdMapped:', 'AnonHugePages:', 'ShmemPmdMapped:', 'Private_Hugetlb:'):
        huge += int(more[0])
print('huge %d' % huge)
]]

-- Runs to a function and to the end. `least`: KiB of huge text.
local function debug(words, where, least)
    local thp <close> = support.thp("madvise")
    if not thp then return pending("transparent huge pages cannot be set here") end
    local folder <close> = support.folder()
    support.write_file(folder.path .. "/count", count)
    local out = session.run(session.pipe(words, { "--sources", "file,thp" }), words[1], {
        "source " .. folder.path .. "/count", "break " .. where, "continue", "backtrace", "info threads",
        "source " .. folder.path .. "/count", "delete", "continue" })
    local before, stopped = out:match("huge (%d+).*huge (%d+)")
    assert.is_truthy(stopped, out)
    assert.is_true(tonumber(before) >= least, out)
    assert.is_true(tonumber(stopped) >= least - (4 << 10), out) -- a breakpoint splits the huge page that it is in
    assert.matches("Breakpoint 1, [^\n]*" .. where:gsub("%p", "%%%0"), out)
    return out
end

describe("gdb from the entry point on:", function()
    it("node", function()
        if not support.read_file("/usr/bin/node") then return pending "node is not installed" end
        local out = debug({ "/usr/bin/node", "-e", "process.exit(7)" }, "uv_run", 16 << 10)
        assert.matches("exited with code 07", out)
    end)

    it("clang, most of which is in libraries", function()
        local clang = support.shell("readlink -f $(command -v clang)").out:match("%S+")
        if not clang then return pending "clang is not installed" end
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/x.c", "int main(void) { return 3; }\n")
        local out = debug({ clang, "-c", "-x", "c", "-o", folder.path .. "/x.o", folder.path .. "/x.c" },
            "LLVMInitializeX86Target", 32 << 10)
        assert.matches("exited normally", out)
        assert.is_truthy(support.read_file(folder.path .. "/x.o"))
    end)

    it("a Go program", function()
        local out = debug({ support.programs .. "lines" }, "main.main", 2 << 10)
        assert.matches("#0  main%.main", out)
        assert.matches("exited", out)
    end)
end)
