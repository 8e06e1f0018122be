-- SPDX-License-Identifier: Apache-2.0
-- Patches code or data of a running process, and puts it back after some seconds or at Ctrl-C:
--   tiexec --script patch.lua PID SYMBOL|ADDRESS BYTES SECONDS
-- BYTES are hexadecimal: on x86-64 31c0c3 makes a function give 0.
local pid, hex, seconds = math.tointeger(arg[1]), arg[3] or "", tonumber(arg[4])
if not (pid and seconds) or hex == "" or #hex % 2 == 1 or hex:find("%X") then
    io.stderr:write("usage: tiexec --script patch.lua PID SYMBOL|ADDRESS BYTES SECONDS\n")
    return 2
end
local bytes = hex:gsub("..", function(two) return string.char(tonumber(two, 16)) end)

local inferior <close>, why = tiexec.attach(pid)
local place, lacks = math.tointeger(arg[2]), nil
if inferior and not place then place, lacks = inferior:symbol(arg[2]) end
if not place then
    io.stderr:write(("patch.lua: %d: %s\n"):format(pid, why or lacks))
    return 1
end
for _, thread in ipairs(inferior:threads()) do
    local pc = inferior:read_register("pc", thread)
    if pc > place and pc < place + #bytes then
        io.stderr:write(("patch.lua: thread %d is amid those bytes: try again\n"):format(thread))
        return 1
    end
end

local before <close> = assert(inferior:snapshot { { start = place, stop = place + #bytes } })
local undo <close> = setmetatable({}, { __close = function() -- whatever ends this block
    if inferior:interrupt() then assert(before:restore()) end
end })
assert(inferior:write_memory(place, bytes))
print(("patched %d bytes at %#x"):format(#bytes, place))
io.stdout:flush()
local deadline = tiexec.now() + seconds
repeat -- signals that come meanwhile are given on
    inferior:cont()
    local left = math.ceil((deadline - tiexec.now()) * 1000)
until left <= 0 or not inferior:wait(left)
