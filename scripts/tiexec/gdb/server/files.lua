-- SPDX-License-Identifier: Apache-2.0
--- vFile: files of this host that gdb reads and writes, with the rights of this process.

local core = require "tiexec.core"
local packets = require "tiexec.gdb.packets"

local c = core.constants
local files = {}

-- The protocol's own numbers of flags, errors, and of files at the same time.
local WRITE <const>, BOTH <const>, APPEND <const> = 1, 2, 8
local CREATE <const>, TRUNCATE <const>, EXCLUSIVE <const> = 0x200, 0x400, 0x800
local MOST <const> = 256
local errors <const> = { [c.EPERM] = 1, [c.ENOENT] = 2, [c.EINTR] = 4, [c.EBADF] = 9,
    [c.EACCES] = 13, [c.EFAULT] = 14, [c.EBUSY] = 16, [c.EEXIST] = 17, [c.ENODEV] = 19,
    [c.ENOTDIR] = 20, [c.EISDIR] = 21, [c.EINVAL] = 22, [c.ENFILE] = 23, [c.EMFILE] = 24,
    [c.EFBIG] = 27, [c.ENOSPC] = 28, [c.ESPIPE] = 29, [c.EROFS] = 30, [c.ENAMETOOLONG] = 91 }
local UNKNOWN <const> = 9999

local function failed(errno) return ("F-1,%x"):format(errors[errno] or UNKNOWN) end

-- Answers with a number, and data after it.
local function answer(number, data)
    return ("F%x%s"):format(number, data and ";" .. packets.escape(data) or "")
end

local function file_of(server, text) return server.files[packets.number(text) or -1] end

-- How Lua's io.open says what flags say; nil: it cannot. Nothing is made anew but where that is
-- asked for.
local function mode_of(flags, exists)
    if flags & (WRITE | BOTH) == 0 then return "rb" end
    if not exists and flags & CREATE == 0 then return nil, c.ENOENT end
    if exists and flags & CREATE ~= 0 and flags & EXCLUSIVE ~= 0 then return nil, c.EEXIST end
    if flags & APPEND ~= 0 then return flags & BOTH ~= 0 and "a+b" or "ab" end
    if flags & TRUNCATE ~= 0 or not exists then return flags & BOTH ~= 0 and "w+b" or "wb" end
    return "r+b"
end

local operations = {}

function operations.open(server, text)
    local path, flags = text:match("^(%x*),(%x+),%x+$")
    path, flags = path and packets.bytes(path), packets.number(flags)
    if not path or not flags or path == "" or path:find("\0") then return failed(c.EINVAL) end
    local stat = core.stat(path)
    local mode, refused = mode_of(flags, stat ~= nil)
    if not mode then return failed(refused) end
    -- A FIFO would be waited for, and a device may do anything.
    if stat and stat.mode & c.S_IFMT ~= c.S_IFREG then
        return failed(stat.mode & c.S_IFMT == c.S_IFDIR and c.EISDIR or c.EACCES)
    end
    if #server.files >= MOST then return failed(c.EMFILE) end
    local file, _, errno = io.open(path, mode)
    if not file then return failed(errno) end
    local fd = 1
    while server.files[fd] do fd = fd + 1 end
    server.files[fd] = { file = file, path = path }
    return answer(fd)
end

function operations.close(server, text)
    local file = file_of(server, text)
    if not file then return failed(c.EBADF) end
    server.files[packets.number(text)] = nil
    file.file:close()
    return answer(0)
end

function operations.pread(server, text)
    local fd, size, offset = text:match("^(%x+),(%x+),(%x+)$")
    local file = file_of(server, fd)
    size, offset = packets.number(size), packets.number(offset)
    if not file or not size or not offset then return failed(c.EBADF) end
    if size < 0 then return failed(c.EINVAL) end
    local at, _, errno = file.file:seek("set", offset)
    if not at then return failed(errno) end
    local bytes, _, number = file.file:read(math.min(size, (server.limit - 20) // 2))
    if not bytes and number then return failed(number) end
    bytes = bytes or ""
    return answer(#bytes, bytes)
end

function operations.pwrite(server, text)
    local fd, offset, data = text:match("^(%x+),(%x+),(.*)$")
    local file = file_of(server, fd)
    offset, data = packets.number(offset), data and packets.unescape(data)
    if not file or not offset then return failed(c.EBADF) end
    local at, _, errno = file.file:seek("set", offset)
    if not at then return failed(errno) end
    local ok, _, number = file.file:write(data)
    if ok then ok, _, number = file.file:flush() end
    return ok and answer(#data) or failed(number)
end

function operations.fstat(server, text)
    local file = file_of(server, text)
    local stat = file and core.stat(file.path)
    if not stat then return failed(file and c.ENOENT or c.EBADF) end
    local time = stat.mtime // 1000000000 & 0xffffffff
    -- device, inode, mode, links, uid, gid, device of a device, size, and so on
    return answer(64, string.pack(">I4I4I4I4I4I4I4I8I8I8I4I4I4", stat.device & 0xffffffff,
        stat.inode & 0xffffffff, stat.mode, 1, stat.uid, 0, 0, stat.size, 4096,
        stat.allocated // 512, time, time, time))
end

function operations.unlink(_, text)
    local path = packets.bytes(text)
    if not path then return failed(c.EINVAL) end
    local ok, _, errno = os.remove(path)
    return ok and answer(0) or failed(errno)
end

function operations.readlink(_, text)
    local path = packets.bytes(text)
    if not path then return failed(c.EINVAL) end
    local target, _, errno = core.readlink(path)
    return target and answer(#target, target) or failed(errno)
end

-- Paths are this process's, whichever process gdb means.
function operations.setfs() return answer(0) end

--- vFile: one operation.
function files.vFile(server, text)
    local name, rest = text:match("^:(%l+):(.*)$")
    return operations[name] and operations[name](server, rest) or ""
end

--- Closes what is open.
function files.close(server)
    for _, one in pairs(server.files) do one.file:close() end
    server.files = {}
end

return files
