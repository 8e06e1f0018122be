-- SPDX-License-Identifier: Apache-2.0
-- Shows a limit of a running process, and changes it, by a call that the process makes itself:
--   tiexec --script limit.lua PID nofile [SOFT [HARD]]
local c = tiexec.constants
local pid = math.tointeger(arg[1])
local limit = arg[2] and c["RLIMIT_" .. arg[2]:upper()]
local soft, hard = math.tointeger(arg[3]), math.tointeger(arg[4])
if not (pid and limit) or arg[3] and not soft or arg[4] and not hard then
    io.stderr:write("usage: tiexec --script limit.lua PID nofile|core|stack|... [SOFT [HARD]]\n")
    return 2
end
local inferior <close>, why = tiexec.attach(pid)
if not inferior then
    io.stderr:write(("limit.lua: %d: %s\n"):format(pid, why))
    return 1
end

local function text(value)
    return value == c.RLIM_INFINITY and "unlimited" or ("%u"):format(value)
end

local now = tiexec.buffer(16) -- struct rlimit64: the soft limit and the hard one
assert(inferior:remote_syscall("prlimit64", 0, limit, 0, now))
local old_soft, old_hard = now:unpack("jj")
print(("%s was %s, at most %s"):format(arg[2], text(old_soft), text(old_hard)))
if soft then
    local new = tiexec.buffer(string.pack("jj", soft, hard or old_hard))
    local ok, refused = inferior:remote_syscall("prlimit64", 0, limit, new, 0)
    if not ok then
        io.stderr:write("limit.lua: ", refused, "\n")
        return 1
    end
    print(("%s is %s, at most %s"):format(arg[2], text(soft), text(hard or old_hard)))
end
