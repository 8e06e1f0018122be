-- SPDX-License-Identifier: Apache-2.0
-- Puts the text of one library of a running process onto transparent huge pages, in plain steps;
-- `tiexec.remap(inferior, { objects = LIBRARY })` does that in one call, and by other sources, too.
--   tiexec --script library.lua PID LIBRARY
local c, huge = tiexec.constants, tiexec.host().huge_page_size
local pid, name = math.tointeger(arg[1]), arg[2]
if not (pid and name) then
    io.stderr:write("usage: tiexec --script library.lua PID LIBRARY\n")
    return 2
end
local function refuse(why)
    io.stderr:write(("library.lua: %d: %s\n"):format(pid, why))
    return 1
end
local inferior <close>, why = tiexec.attach(pid)
if not inferior then return refuse(why) end

local start, size
for _, m in ipairs(inferior:mappings()) do
    if m.path:match("[^/]*$"):find(name, 1, true) == 1 and m.perms == "r-xp" then
        local first, last = (m.start + huge - 1) // huge * huge, m.stop // huge * huge
        if last - first > (size or 0) then start, size = first, last - first end
    end
end
if not start then return refuse("it has no text of that name in which a huge page lies") end

local scratch <close> = assert(inferior:scratch(size + huge))
local copy = (scratch.address + huge - 1) // huge * huge
assert(inferior:remote_syscall("madvise", copy, size, c.MADV_HUGEPAGE))
assert(inferior:copy_memory(copy, start, size)) -- and compares
assert(inferior:remote_syscall("mprotect", copy, size, c.PROT_READ | c.PROT_EXEC))
-- In one step, so that there is always text.
local how = c.MREMAP_MAYMOVE | c.MREMAP_FIXED
assert(inferior:remote_syscall("mremap", copy, size, size, how, start))
for _, m in ipairs(inferior:mappings(true)) do
    if m.start <= start and m.stop >= start + size then
        print(("%s: %d of %d KiB are on huge pages"):format(name, m.anon_huge >> 10, size >> 10))
    end
end
