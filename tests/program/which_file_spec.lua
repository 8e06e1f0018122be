-- SPDX-License-Identifier: Apache-2.0
-- Which file is it? A process in another mount and pid namespace has paths and ids of its own, and inode numbers repeat
-- from filesystem to filesystem.

local apart = require "tests.lib.apart"
local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local T <const> = core.realpath(support.tiexec)

-- The same paths and inode numbers: `$1` is mounted over with another filesystem, whose library has other text.
local MOUNTED_OVER <const> = [[
    mount -t tmpfs none "$1"; cp "$2/loadable" "$2/needy" "$1"
    "$3" -s none "$1/needy" & pid=$!
    while [ "$(readlink /proc/$pid/exe)" != "$1/needy" ] || ! grep -q 'TracerPid:.0' /proc/$pid/status; do :; done
    before=$(stat -c %i "$1/loadable")
    mount -t tmpfs none "$1"; cp "$2/loadable" "$2/needy" "$1"
    printf 'other text' | dd of="$1/loadable" bs=1 seek=3000000 conv=notrunc 2>/dev/null
    [ $before = $(stat -c %i "$1/loadable") ]
    echo ready $pid; wait]]

describe("another library of the same path and inode number", function()
    for _, source in ipairs { "file", "shared", "file,shared,thp" } do
        it("is not mapped by " .. source, function()
            local cache <close> = support.folder("/dev/shm")
            local inside <close> = apart.start(MOUNTED_OVER)
            local pid = support.wait_for(function()
                if not inside.process:is_alive() then return "none" end
                return (support.read_file(inside.folder .. "/out") or ""):match("ready (%d+)\n")
            end)
            if not math.tointeger(pid) then return pending(support.read_file(inside.folder .. "/out")) end
            local _ <close> = setmetatable({}, { __close = function() os.execute("kill -KILL " .. pid) end })
            local function text()
                local all = {}
                local memory <close> = assert(io.open("/proc/" .. pid .. "/mem", "rb"))
                for _, m in ipairs(support.smaps(pid)) do
                    if m.perms == "r-xp" and m.start > 1 << 40 and m.path ~= "[vdso]" then
                        memory:seek("set", m.start)
                        all[#all + 1] = core.digest(memory:read(m.stop - m.start))
                    end
                end
                return all
            end
            local before = text()
            local result = support.run { "timeout", "-s", "KILL", "60", "nsenter", "-m", "-t", pid, "env",
                "TIEXEC_CACHE=" .. cache.path, T, "--sources", source, "--attach", pid }
            if source == "file,shared,thp" then
                assert.equal(0, result.code, result.err) -- a copy of what is in memory
            else
                assert.equal(1, result.code, result.err)
                assert.truthy(failure.one_line(result):find("replaced or cannot be read", 1, true), result.err)
                assert.same(before, text())
            end
            local memory = support.run { "timeout", "-s", "KILL", "60", "nsenter", "-m", "-t", pid, T, "--undo", pid }
            if source == "file,shared,thp" then
                assert.equal(1, memory.code, memory.err)
                assert.truthy(failure.one_line(memory):find("replaced or cannot be read", 1, true), memory.err)
            else
                assert.equal(0, memory.code, memory.err)
            end
        end)
    end
end)
