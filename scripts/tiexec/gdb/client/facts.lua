-- SPDX-License-Identifier: Apache-2.0
--- What a stub tells of its process: threads, auxiliary vector, libraries, signals, files.

local core = require "tiexec.core"
local packets = require "tiexec.gdb.packets"
local wire = require "tiexec.gdb.client.wire"
local xml = require "tiexec.gdb.xml"

local c = core.constants
local facts = {} -- methods of a Remote

local MOST <const> = 100000 -- threads

--- Gives the process id, as the stub has it; nil: it does not tell.
function facts:pid() return self.process end

--- Lists the threads, the selected one first.
function facts:threads()
    local list, seen = { self.selected }, { [self.selected] = true }
    local reply, why, errno = wire.ask(self, "qfThreadInfo")
    while reply and reply:sub(1, 1) == "m" and #list < MOST do
        for text in reply:sub(2):gmatch("[^,]+") do
            local thread = wire.thread(self, text)
            if thread and not seen[thread] then
                list[#list + 1], seen[thread] = thread, true
            end
        end
        reply, why, errno = wire.ask(self, "qsThreadInfo")
    end
    if not reply then return nil, why, errno end
    return list
end

--- Selects a thread.
function facts:select(thread)
    local ok, why, errno = wire.order(self, "Hg" .. wire.id(self, thread))
    if not ok then return nil, why, errno end
    self.selected, self.named = thread, thread
    return true
end

local names <const> = { [3] = "AT_PHDR", [4] = "AT_PHENT", [5] = "AT_PHNUM", [6] = "AT_PAGESZ",
    [7] = "AT_BASE", [8] = "AT_FLAGS", [9] = "AT_ENTRY", [11] = "AT_UID", [12] = "AT_EUID",
    [13] = "AT_GID", [14] = "AT_EGID", [15] = "AT_PLATFORM", [16] = "AT_HWCAP", [17] = "AT_CLKTCK",
    [23] = "AT_SECURE", [25] = "AT_RANDOM", [26] = "AT_HWCAP2", [31] = "AT_EXECFN",
    [33] = "AT_SYSINFO_EHDR" }

--- Gives the auxiliary vector, as `Inferior:auxv` does.
function facts:auxv()
    local bytes, why, errno = wire.transfer(self, "auxv")
    if not bytes then return nil, why, errno end
    local list, size = {}, self.target.by_name.pc.size
    local word = self.order .. "I" .. size
    for at = 1, #bytes - 2 * size + 1, 2 * size do
        local kind, value = string.unpack(word, bytes, at), string.unpack(word, bytes, at + size)
        if kind == 0 then break end
        list[names[kind] or kind] = value
    end
    return list
end

--- Gives the path of the program, on the stub's host.
-- @treturn[1] string
-- @treturn[2] nil, message, errno (EOPNOTSUPP: the stub lacks the packet)
-- @usage
-- local remote <close> = assert(tiexec.connect("| gdbserver - ./example 2>/dev/null"))
-- print(remote:exec_file()) --> …/example
-- remote:kill()
function facts:exec_file()
    local annex = self.process and ("%x"):format(self.process) or ""
    return wire.transfer(self, "exec-file", annex)
end

--- Lists the libraries that are loaded.
-- @treturn[1] table list of tables: `name`, the path on the stub's host; `bias`, what is added to
-- the file's addresses; `link` and `dynamic`, the addresses of its link_map and its dynamic section
-- @treturn[2] nil, message, errno (EOPNOTSUPP: the stub lacks the packet; EPROTO: it is malformed)
-- @usage
-- local remote <close> = assert(tiexec.connect("| gdbserver - ./example 2>/dev/null"))
-- remote:advance("main")
-- for _, library in ipairs(remote:libraries()) do
--     if library.name:find("libc.so", 1, true) then print(library.name) end --> …/libc.so.6
-- end
-- remote:kill()
function facts:libraries()
    local text, why, errno = wire.transfer(self, "libraries-svr4")
    if not text then return nil, why, errno end
    local tags, list = xml.tags(text), {}
    for _, tag in ipairs(tags or {}) do
        local a = tag.attributes
        if tag.name == "library" and a.name then
            local function number(word) return packets.number((word or ""):match("^0x(%x+)$")) end
            list[#list + 1] = { name = a.name, bias = number(a.l_addr), link = number(a.lm),
                dynamic = number(a.l_ld) }
        end
    end
    if not tags then return nil, "the stub's list of libraries is malformed", c.EPROTO end
    return list
end

--- Reads the siginfo of the signal by which the selected thread is stopped: `bytes`, and fields as
-- `Inferior:siginfo` has them, where the process has 64 bits.
function facts:siginfo()
    local bytes, why, errno = wire.transfer(self, "siginfo")
    if not bytes then return nil, why, errno end
    if #bytes < 32 then return { bytes = bytes } end
    local number, error_number, code, _, low, high =
        string.unpack(self.order .. "i4i4i4i4i4I4", bytes)
    local info = { bytes = bytes, signal = number, errno = error_number, code = code }
    local is_fault = number == c.SIGSEGV or number == c.SIGBUS or number == c.SIGILL
        or number == c.SIGFPE or number == c.SIGTRAP
    if code > 0 and is_fault then
        info.address = string.unpack(self.order .. "i8", bytes, 17)
    else
        info.pid, info.uid = low, high
    end
    return info
end

--- Changes it: all of its bytes.
function facts:set_siginfo(bytes)
    if not self.features["qXfer:siginfo:write"] then return wire.lacks("qXfer:siginfo:write") end
    local reply, why, errno = wire.ask(self, "qXfer:siginfo:write::0:" .. packets.escape(bytes))
    if not reply then return nil, why, errno end
    return true
end

--- Reads a file of the stub's host.
-- @string path
-- @treturn[1] string what is in it
-- @treturn[2] nil, message, errno (EOPNOTSUPP: the stub lacks the packet; ENOENT: it cannot open
-- the file)
-- @usage
-- local remote <close> = assert(tiexec.connect("| gdbserver - ./example 2>/dev/null"))
-- print(remote:read_file("/proc/" .. remote:pid() .. "/comm")) --> example
-- remote:kill()
function facts:read_file(path)
    local reply, why, errno = wire.ask(self, ("vFile:open:%s,0,0"):format(packets.hex(path)))
    if not reply then return nil, why, errno end
    local fd = reply:match("^F(%x+)$")
    if not fd then return nil, path .. ": the stub cannot open it", c.ENOENT end
    local parts, size = {}, 0
    while true do
        reply, why, errno = wire.ask(self, ("vFile:pread:%s,%x,%x"):format(fd,
            (self.limit - 32) // 2, size))
        local bytes = reply and reply:match("^F%x+;(.*)$")
        bytes = bytes and packets.unescape(bytes)
        if not bytes or bytes == "" then break end
        parts[#parts + 1], size = bytes, size + #bytes
    end
    wire.ask(self, "vFile:close:" .. fd)
    if not reply then return nil, why, errno end
    return table.concat(parts)
end

--- Lists the mappings, as the stub's /proc has them.
function facts:mappings()
    if not self.process then return nil, "the stub does not tell the process id", c.EOPNOTSUPP end
    local text, why, errno = self:read_file(("/proc/%d/maps"):format(self.process))
    if not text then return nil, why, errno end
    local list = {}
    for line in text:gmatch("[^\n]+") do
        local start, stop, perms, offset, major, minor, inode, path =
            line:match("^(%x+)%-(%x+) (%S+) (%x+) (%x+):(%x+) (%d+) *(.*)$")
        if start then
            list[#list + 1] = { start = packets.number(start), stop = packets.number(stop),
                perms = perms, offset = packets.number(offset), major = packets.number(major),
                minor = packets.number(minor), inode = math.tointeger(inode), path = path }
        end
    end
    return list
end

return facts
