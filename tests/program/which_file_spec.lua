-- SPDX-License-Identifier: Apache-2.0
-- Which file is it? A process in another mount and pid namespace has paths and ids of its own, and inode numbers repeat
-- from filesystem to filesystem.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local T <const> = core.realpath(support.tiexec)
local HUGE <const> = core.host().huge_page_size

-- Starts shell lines, in namespaces of their own for mounts and, if `words` say so, for more. `apart` is a folder for
-- them to mount things on. `said` waits for a line of theirs.
local function start(lines, words)
    local folder = support.folder()
    local inside = folder.path .. "/apart"
    os.execute("mkdir " .. inside)
    local command = support.concat({ "unshare", "-m", "--propagation", "private" }, words, { "sh", "-ec", lines,
        "sh", inside, core.realpath(support.programs), T })
    local process = support.start(command, (">%s/out 2>&1 </dev/null"):format(folder.path))
    local function said(line)
        return support.wait_for(function()
            return (support.read_file(folder.path .. "/out") or ""):find(line .. "\n", 1, true)
                or not process:is_alive()
        end) and process:is_alive()
    end
    return setmetatable({ process = process, pid = process.pid, folder = folder.path, said = said }, {
        __close = function()
            getmetatable(process).__close(process)
            getmetatable(folder).__close(folder)
        end })
end

-- The id of the process that runs a program, among a process and its descendants.
local function find_program(pid, name)
    return support.wait_for(function()
        local list = { pid }
        for _, id in ipairs(list) do
            local children = support.read_file(("/proc/%d/task/%d/children"):format(id, id)) or ""
            for child in children:gmatch("%d+") do list[#list + 1] = math.tointeger(child) end
            local exe = core.readlink(("/proc/%d/exe"):format(id)) or ""
            if exe:match("[^/]*$") == name and core.status(id, "TracerPid") == 0 then return id end
        end
    end, 10)
end

-- A root with nothing but the program in it, which is nowhere else. `$1` is where, `$2` has the programs.
local ELSEWHERE <const> = [[
    mount -t tmpfs none "$1"; cd "$1"; mkdir proc old
    cp "$2/confined" here; mount -t proc none proc; pivot_root . old; exec /here filter]]

-- Only the program's own process ids are seen there, and its file lies in its own filesystem alone.
local worlds = {
    { "a pid and a mount namespace", { "-p", "-f", "--kill-child", "--mount-proc" }, [[exec "$2/confined" filter]],
        "confined" },
    { "a root of its own", { "-p", "-f", "--kill-child" }, ELSEWHERE, "here" },
}

describe("from the host, a process in", function()
    for _, world in ipairs(worlds) do
        local name, words, lines, program = table.unpack(world)
        for _, source in ipairs { "file", "shared", "thp" } do
            it(("%s is attached to by %s, inspected, and undone"):format(name, source), function()
                local thp <close> = support.thp("madvise")
                if not thp then return pending("the THP mode cannot be set: not root?") end
                local cache <close> = support.folder("/dev/shm")
                local apart <close> = start(lines, words)
                if not apart.said("free") then
                    return pending("no such namespaces: " .. support.read_file(apart.folder .. "/out"))
                end
                local pid = assert(find_program(apart.pid, program))
                local function tiexec(...)
                    return support.run { "env", "TIEXEC_CACHE=" .. cache.path, "timeout", "-s", "KILL", "20", T, ... }
                end
                local result = tiexec("--sources", source, "--attach", tostring(pid))
                if source == "file" and result.err:find("cached pages", 1, true) then
                    return pending(result.err)
                end
                assert.equal(0, result.code, result.err)
                assert.is_true(support.huge_text(pid) >= 2 * HUGE)
                result = tiexec("--inspect", tostring(pid))
                assert.equal(0, result.code, result.err)
                assert.truthy(result.out:find(program, 1, true), result.out)
                result = tiexec("-v", "--undo", tostring(pid))
                assert.equal(0, result.code, result.err)
                -- some kernels map what the page cache has in huge pages so, unasked, as soon as it is there
                local is_unasked = source == "file" and result.err:find("there is nothing to undo", 1, true)
                assert.truthy(is_unasked or result.err:find("are mapped as its files have them", 1, true), result.err)
                assert.truthy(support.read_file(("/proc/%d/stat"):format(pid)))
            end)
        end
    end
end)

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
            local apart <close> = start(MOUNTED_OVER)
            local pid = support.wait_for(function()
                if not apart.process:is_alive() then return "none" end
                return (support.read_file(apart.folder .. "/out") or ""):match("ready (%d+)\n")
            end)
            if not math.tointeger(pid) then return pending(support.read_file(apart.folder .. "/out")) end
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
            local result = support.run { "timeout", "-s", "KILL", "20", "nsenter", "-m", "-t", pid, "env",
                "TIEXEC_CACHE=" .. cache.path, T, "--sources", source, "--attach", pid }
            if source == "file,shared,thp" then
                assert.equal(0, result.code, result.err) -- a copy of what is in memory
            else
                assert.equal(1, result.code, result.err)
                assert.truthy(failure.one_line(result):find("replaced or cannot be read", 1, true), result.err)
                assert.same(before, text())
            end
            local memory = support.run { "timeout", "-s", "KILL", "20", "nsenter", "-m", "-t", pid, T, "--undo", pid }
            if source == "file,shared,thp" then
                assert.equal(1, memory.code, memory.err)
                assert.truthy(failure.one_line(memory):find("replaced or cannot be read", 1, true), memory.err)
            else
                assert.equal(0, memory.code, memory.err)
            end
        end)
    end
end)
