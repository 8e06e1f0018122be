-- SPDX-License-Identifier: Apache-2.0
--- Inferiors: the ways to get one, and the methods that are written in Lua. A program that has
-- required this module has inferiors with all their methods.

local core = require "tiexec.core"
local objects = require "tiexec.harness.objects"
local seccomp = require "tiexec.harness.seccomp"

local c = core.constants
local Inferior = {}
local base -- the methods written in C that those below replace

-- Gives what was read of a process by its id, if that is still its own.
local function checked(inferior, result, message, errno)
    if result and not inferior:is_same() then return nil, "it has ended", c.ESRCH end
    return result, message, errno
end

--- Lists the mappings, in order of address.
-- @bool[opt] details add the numbers of /proc/PID/smaps, which take longer to read
-- @treturn[1] table list of Mapping
-- @treturn[2] nil, message, errno (ENOENT, ESRCH: it has ended)
-- @usage
-- for _, mapping in ipairs(inferior:mappings(true)) do
--     if mapping.path == "[stack]" then print(mapping.perms, mapping.rss > 0) end --> rw-p true
-- end
function Inferior:mappings(details)
    return checked(self, core.mappings(self:pid(), details))
end

--- Gives the auxiliary vector, as the kernel has it.
-- @treturn[1] table values by their names: `auxv().AT_ENTRY`
-- @treturn[2] nil, message, errno (ENOENT, ESRCH: it has ended)
-- @usage
-- print(inferior:auxv().AT_PAGESZ == tiexec.host().page_size) --> true
-- print(inferior:read_string(inferior:auxv().AT_EXECFN)) --> ./example
function Inferior:auxv()
    return checked(self, core.auxv(self:pid()))
end

--- Lists the ELF objects that are mapped with text, in order of address.
-- @treturn[1] table list of Object
-- @treturn[2] nil, message, errno (ENOENT, ESRCH: it has ended)
-- @usage
-- local object = inferior:objects()[1]
-- print(object.name, object.bias == object.span.start, #object.build_id) --> example true 40
function Inferior:objects()
    local mappings, message, errno = self:mappings()
    if not mappings then return nil, message, errno end
    return objects.of(self, mappings)
end

local Loan = {}
Loan.__index = Loan

function Loan:__close() self.inferior:write_memory(self.address, self.before) end

--- Puts bytes below the stack of the selected thread, where a system call can read them. The bytes
-- that were there are put back when the loan is closed.
-- @string bytes
-- @treturn[1] table `address` of the bytes; to be closed: `local loan <close> = inferior:lend(s)`
-- @treturn[2] nil, message, errno (EBUSY: the thread is running; ESRCH: it is gone; EFAULT,
-- EIO: there is no stack)
-- @usage
-- local path <close> = inferior:lend("/etc/passwd\0")
-- print(inferior:remote_syscall("faccessat", -100, path.address, 0)) --> 0
function Inferior:lend(bytes)
    local BELOW <const> = 1024 -- more than a leaf function may use below its stack pointer
    local sp, message, errno = self:read_register("sp")
    if not sp then return nil, message, errno end
    local address = (sp - BELOW - #bytes) & -16
    local before
    before, message, errno = self:read_memory(address, #bytes)
    if not before then return nil, message, errno end
    local ok
    ok, message, errno = self:write_memory(address, bytes)
    if not ok then return nil, message, errno end
    return setmetatable({ inferior = self, address = address, before = before }, Loan)
end

--- Makes the inferior open a file for reading.
-- @string path as the inferior sees it
-- @treturn[1] int file descriptor of the inferior
-- @treturn[2] nil, message, errno (those of open(2), of `lend` and of
-- `remote_syscall`)
-- @usage
-- local fd = inferior:remote_open("/etc/passwd")
-- print(fd > 2, inferior:remote_syscall("close", fd)) --> true 0
function Inferior:remote_open(path)
    local name <close>, message, errno = self:lend(path .. "\0")
    if not name then return nil, message, errno end
    return self:remote_syscall("openat", c.AT_FDCWD, name.address, c.O_RDONLY | c.O_CLOEXEC, 0)
end

-- <sys/socket.h>: AF_UNIX, SOCK_DGRAM, MSG_DONTWAIT, MSG_CMSG_CLOEXEC. SOCK_CLOEXEC is O_CLOEXEC.
local UNIX <const>, DATAGRAMS <const> = 1, 2
local AT_ONCE <const>, CLOEXEC <const> = 0x40, 0x40000000

-- Makes the inferior receive the file that has been sent to its socket. `place` is a loan of 128
-- bytes. Returns the inferior's descriptor, or nil, message, errno.
local function receive(inferior, place, socket)
    local at <const>, IOV <const>, BYTE <const>, CONTROL <const>, ROOM <const> =
        place.address, 64, 80, 96, 24
    local header = string.pack("jjjjjjj", 0, 0, at + IOV, 1, at + CONTROL, ROOM, 0) -- msghdr
        .. ("\0"):rep(8) .. string.pack("jj", at + BYTE, 1) -- iovec
    local ok, why, errno = inferior:write_memory(at, header)
    if ok then
        ok, why, errno = inferior:remote_syscall("recvmsg", socket, at, AT_ONCE | CLOEXEC)
    end
    local control = ok and inferior:read_memory(at + CONTROL, ROOM)
    if not control then return nil, why or "recvmsg: no answer", errno or c.EIO end
    local size, _, _, fd = string.unpack("ji4i4i4", control) -- cmsghdr
    if size < 20 then return nil, "recvmsg: no file (it may have no more open)", c.EIO end
    return fd
end

--- Gives the inferior a file that this process has open. It need not open the file itself, for
-- which it would need a path of its own, and might have to wait for a process: maybe for itself.
-- @tparam file|int file of Lua's io library, or a descriptor of this process
-- @treturn[1] int file descriptor of the inferior
-- @treturn[2] nil, message, errno (ENOSYS: the kernel is older; EPERM: it has seccomp filters)
-- @since Linux 5.6 (pidfd_getfd)
-- @usage
-- local file = assert(io.open("/etc/passwd"))
-- local fd, buffer = inferior:take_file(file), tiexec.buffer(4)
-- inferior:remote_syscall("read", fd, buffer, #buffer)
-- print(buffer:string()) --> root
function Inferior:take_file(file)
    if seccomp.has_ours(self) then -- which may allow the calls of a start, and not these
        return nil, "its seccomp filters may not allow that", c.EPERM
    end
    local place <close>, message, errno = self:lend(("\0"):rep(128))
    if not place then return nil, message, errno end
    local ok, bytes, fd
    ok, message, errno = self:remote_syscall("socketpair", UNIX, DATAGRAMS | c.O_CLOEXEC, 0,
        place.address)
    if not ok then return nil, message, errno end
    bytes, message, errno = self:read_memory(place.address, 8)
    if not bytes then return nil, message, errno end
    local here, there = string.unpack("i4i4", bytes)
    ok, message, errno = core.send_file(self:pid(), there, file)
    if ok then fd, message, errno = receive(self, place, here) end
    self:remote_syscall("close", here)
    self:remote_syscall("close", there)
    return fd, message, errno
end

local Scratch = {}
Scratch.__index = Scratch

--- Leaves the memory to the inferior: closing does not unmap it any more.
-- @usage
-- local scratch <close> = inferior:scratch(4096)
-- scratch:release() -- it stays
-- print(scratch.size) --> 4096
function Scratch:release()
    self.held = false
end

--- Unmaps the memory, unless it was released. The end of a block does so where the value is to
-- be closed.
-- @usage
-- local scratch = inferior:scratch(4096)
-- scratch:close()
-- print(inferior:read_memory(scratch.address, 1)) --> nil read_memory: Input/output error 5
function Scratch:close()
    if self.held then self.inferior:remote_syscall("munmap", self.address, self.size) end
    self.held = false
end
Scratch.__close = Scratch.close

--- Maps fresh memory in the inferior, readable and writable.
-- @int size bytes
-- @treturn[1] table `address`, `size`, `release`, `close`; unmapped when closed: `local s <close> =
-- inferior:scratch(n)`
-- @treturn[2] nil, message, errno (ENOMEM; EBUSY: the thread is running; ESRCH: it is gone;
-- EPERM: seccomp forbids it)
-- @usage
-- local scratch <close> = inferior:scratch(4096)
-- inferior:write_string(scratch.address, "text")
-- print(scratch.size, inferior:read_string(scratch.address)) --> 4096 text
function Inferior:scratch(size)
    local address, message, errno = self:remote_syscall("mmap", 0, size,
        c.PROT_READ | c.PROT_WRITE, c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0)
    if not address then return nil, message, errno end
    return setmetatable({ inferior = self, address = address, size = size, held = true }, Scratch)
end

-- ---- past a seccomp filter ----------------------------------------------------------------------

local function call_past_filters(inferior, name, ...)
    local refused = seccomp.refusal_of(inferior, name, ...)
    if refused then return nil, refused, c.EPERM end
    return base.remote_syscall(inferior, name, ...)
end

local function has_bytes(...)
    for i = 1, select("#", ...) do
        local kind = type((select(i, ...)))
        if kind == "string" or kind == "table" then return true end
    end
    return false
end

--- Makes the selected thread, which must be stopped, execute a system call. It does not if seccomp
-- might kill the thread for that. Calls that cannot be made so are refused: execve, exit, vfork,
-- clone with CLONE_VM, rt_sigreturn; fork, too, unless `follow_fork` is on.
-- @string name as in syscalls(2); an unknown one raises
-- @param ... up to six integers, strings and Buffers; those that are left out are 0. The call gets
-- the address of a copy of a string, with a NUL after it, or of a Buffer. What the call has written
-- to a Buffer is in it afterwards
-- @treturn[1] int what the call has returned
-- @treturn[2] nil, message, errno: the call has failed, or could not be run (ESRCH: the thread has
-- ended; EBUSY: it is running; ETIMEDOUT: after ten seconds, or what `call_timeout` has set; EPERM,
-- too, if seccomp forbids it; EINVAL, too, if it is one that cannot be made remotely: the message
-- says what can be done instead)
-- @usage
-- print(inferior:remote_syscall("getpid") == inferior:pid()) --> true
-- print(inferior:remote_syscall("openat", -100, "/no-such-file", 0))
-- --> nil openat: No such file or directory 2
-- print(inferior:remote_syscall("exit", 0)) --> nil exit: … 22
function Inferior:remote_syscall(name, ...)
    local reason = require "tiexec.harness.uncallable".reason(self, name, ...)
    if reason then return nil, ("%s: %s"):format(name, reason), c.EINVAL end
    if has_bytes(...) then
        return require("tiexec.harness.arguments").pass(self, call_past_filters, name, ...)
    end
    return call_past_filters(self, name, ...)
end

--- Has the process end now, with an exit status. `wait` tells of the end.
-- @int status
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno (EBUSY: the thread is running; ESRCH: it has ended before;
-- EPERM: seccomp forbids it)
-- @usage
-- inferior:quit(7)
-- print(inferior:wait().exit_code) --> 7
function Inferior:quit(status)
    local refused = seccomp.refusal_of(self, "exit_group", status)
    if refused then return nil, refused, c.EPERM end
    local _, why, errno = base.remote_syscall(self, "exit_group", status)
    if errno == c.ESRCH then return true end -- the thread has ended in it
    return nil, why, errno
end

-- Whenever an inferior may have run, or another thread of it is selected, what was known of its
-- filters is forgotten.
for _, name in ipairs { "interrupt", "select" } do
    Inferior[name] = function(self, ...)
        seccomp.forget(self)
        return base[name](self, ...)
    end
end

-- ---- breakpoints and watchpoints ----------------------------------------------------------------

local points -- tiexec.harness.points, once an inferior has one: a start has none

local function load_points()
    points = points or require "tiexec.harness.points"
    return points
end

-- Their doc comments are in points.lua.
function Inferior:breakpoint(...) return load_points().breakpoint(self, ...) end

function Inferior:watch(...) return load_points().watch(self, ...) end

function Inferior:advance(...) return load_points().advance(self, ...) end

--- Lists the breakpoints and watchpoints that are there.
-- @treturn table list of Point
-- @usage
-- inferior:breakpoint("count")
-- inferior:watch("counter", 4)
-- for _, point in ipairs(inferior:breakpoints()) do print(point.id, point.kind, point.size) end
-- --> … nil nil
-- --> … write 4
function Inferior:breakpoints() return load_points().all(self) end

local catching -- tiexec.harness.catching, likewise
local launched = setmetatable({}, { __mode = "k" })

--- Has system calls told of ("syscall-entry", "syscall-return"), and no others. A program that was
-- launched gets a seccomp filter for it, unless the script says no: then it cannot be let go any
-- more, and all processes that it starts are told of and have to be adopted.
-- @tparam ?table list names, numbers and groups ("group:file" or "%file"); nil: no more
-- @tparam[opt] table options `filter = false`: no filter
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno (EBUSY: the selected thread is running; ESRCH: it is gone;
-- EINVAL: too many, or the kernel has no seccomp filters; EPERM: its own filters forbid that)
-- @usage
-- inferior:catch_syscalls({ "openat" }, { filter = false })
-- local event
-- repeat
--     inferior:cont()
--     event = inferior:wait()
--     if event.reason == "syscall-entry" then print(inferior:read_string(event.arguments[2])) end
-- until event.reason == "exited"
-- --> /etc/passwd
function Inferior:catch_syscalls(list, options)
    catching = catching or require "tiexec.harness.catching"
    local may_filter = launched[self] and not (options and options.filter == false)
    return catching.catch(self, list, may_filter)
end

function Inferior:cont(how)
    if catching and catching.how(self) then
        if how == nil then how = catching.how(self) end
        if type(how) == "table" and not how.how then
            how = { how = catching.how(self), thread = how.thread, signal = how.signal }
        end
    end
    return base.cont(self, how)
end

-- Whether an event is to be told on. If not, its thread is set going again.
local function is_told(inferior, event)
    local reason, told = event.reason, true
    if points and (reason == "breakpoint-hit" or reason:find("watchpoint", 1, true)) then
        told = points.judge(inferior, event)
    elseif catching and reason:find("^syscall") then
        told = catching.judge(inferior, event)
    end
    if not told then inferior:go_on(event.thread) end
    return told
end

-- Milliseconds until a time, as `wait` takes them; nil: for ever.
local function left_until(deadline)
    return deadline and math.max(0, math.ceil((deadline - core.now()) * 1000))
end

function Inferior:wait(timeout, stream)
    local deadline = timeout and core.now() + timeout / 1000
    seccomp.forget(self)
    local event, why, errno = base.wait(self, timeout, stream)
    while event and not is_told(self, event) do
        event, why, errno = base.wait(self, left_until(deadline), stream)
    end
    return event, why, errno
end

--- Waits for the next event of any inferior.
-- @function tiexec.wait_any
-- @tparam table list inferiors, none of them let go, as its values. What happens to others waits
-- @int[opt] timeout milliseconds
-- @tparam[opt] Stream stream as for `wait`
-- @treturn[1] Inferior the one to which it has happened
-- @treturn[1] Event as `wait` gives it
-- @treturn[2] nil, message, errno; and the inferior, if that is known
-- @usage
-- local a <close> = assert(tiexec.launch { "true" })
-- local b <close> = assert(tiexec.launch { "false" })
-- local all = { [a] = a, [b] = b }
-- for inferior in pairs(all) do inferior:cont() end
-- while next(all) do
--     local inferior, event = tiexec.wait_any(all)
--     if event.reason == "exited" then
--         print(inferior == b, event.exit_code == 1) -- the two end in any order
--         all[inferior] = nil
--     else
--         inferior:cont()
--     end
-- end
-- --> … …
-- --> … …
local function wait_any(list, timeout, stream)
    local deadline = timeout and core.now() + timeout / 1000
    for _, inferior in pairs(list) do seccomp.forget(inferior) end
    local which, event, errno, failed = core.wait_any(list, timeout, stream)
    while which and not is_told(which, event) do
        which, event, errno, failed = core.wait_any(list, left_until(deadline), stream)
    end
    return which, event, errno, failed
end

function Inferior:adopt(...)
    local child, why, errno = base.adopt(self, ...)
    if child and seccomp.is_heir(self) then seccomp.note_heir(child) end
    if child and points then points.inherit(self, child) end
    if child and catching then catching.inherit(self, child) end
    return child, why, errno
end

base = core.extend_inferior(Inferior)

core.late_methods(setmetatable({}, {
    __index = function(methods, name) return require("tiexec.harness.late").find(methods, name) end,
}))

local function has_options(given)
    if type(given) ~= "table" then return false end
    for key in pairs(given) do
        if type(key) == "string" then return true end
    end
    return type(given[1]) == "table"
end

--- Starts a program as a child of this process and under its trace, stopped before its first
-- instruction.
-- @tparam table given the command line: a list of strings, of which the first is the program's
-- name, to be searched for in PATH, or its path. Options may stand beside it by their names: `env`,
-- `cwd`, `stdin`, `stdout`, `stderr`, `user`, `aslr`, as "Launch options" tells; unknown ones raise
-- @treturn[1] Inferior
-- @treturn[2] nil, message, errno (ENOENT: there is no such program; EPERM: only root may become
-- another user; …)
-- @function tiexec.launch
-- @usage
-- local inferior <close> = assert(tiexec.launch { "./example", "forever", stdout = "/dev/null",
--     env = { LANG = "C", LD_PRELOAD = false }, aslr = false })
-- print(inferior:read_string(inferior:symbol("greeting"))) --> hello
-- print(tiexec.launch { "no-such-program" })
-- --> nil no-such-program: No such file or directory 2
local function launch(given)
    local start = has_options(given) and require("tiexec.harness.launches").launch or core.launch
    local inferior, why, errno = start(given)
    if inferior then
        seccomp.note_heir(inferior)
        launched[inferior] = true
    end
    return inferior, why, errno
end

return {
    launch = launch,
    attach = core.attach,
    wait_any = wait_any,
}
