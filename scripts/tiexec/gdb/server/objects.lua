-- SPDX-License-Identifier: Apache-2.0
--- qXfer: objects that are read in pieces.

local core = require "tiexec.core"
local libraries = require "tiexec.gdb.server.libraries"
local packets = require "tiexec.gdb.packets"
local processes = require "tiexec.gdb.server.processes"
local threads = require "tiexec.gdb.server.threads"

local c = core.constants
local objects = {}

-- What gives each object as a whole: from the server and the annex. Nil, message, errno: there is
-- none.
local readers = {
    features = function(server, annex)
        if annex ~= "target.xml" then return nil, "no such file", c.ENOENT end
        return server.description.xml
    end,
    auxv = function(server)
        return core.read_file(("/proc/%d/auxv"):format(core.living(server.pid)))
    end,
    ["exec-file"] = function(server, annex)
        local process = processes.find(server, packets.number(annex)) or server.now
        return core.readlink(("/proc/%d/exe"):format(core.living(process.pid)))
    end,
    threads = function(server) return threads.list(server) end,
    ["libraries-svr4"] = function(server) return libraries.xml(server) end,
    siginfo = function(server)
        local info, why, errno = server.inferior:siginfo(server:thread())
        if not info then return nil, why, errno end
        return info.bytes
    end,
}

-- Gives a piece of an object. The whole is kept, so that all pieces are of the same one.
local function read(server, name, annex, place)
    local offset, size = place:match("^(%x+),(%x+)$")
    offset, size = packets.number(offset), packets.number(size)
    if not offset or not size or offset < 0 or size < 0 then return server:failure(c.EINVAL) end
    local key = ("%s:%s:%d"):format(name, annex, server.pid)
    if offset == 0 or server.object.key ~= key then
        local whole, _, errno = readers[name](server, annex)
        if not whole then return server:failure(errno or c.ENOENT) end
        server.object = { key = key, whole = whole }
    end
    local whole = server.object.whole
    size = math.min(size, (server.limit - 1) // 2) -- each byte may have to be escaped
    local piece = whole:sub(offset + 1, offset + size)
    local is_last = offset + #piece >= #whole
    return (is_last and "l" or "m") .. packets.escape(piece)
end

-- Changes a part of the siginfo.
local function write_siginfo(server, place)
    local offset, data = place:match("^(%x+):(.*)$")
    offset, data = packets.number(offset), data and packets.unescape(data)
    local thread = server:thread()
    local info, _, errno = server.inferior:siginfo(thread)
    if not info then return server:failure(errno) end
    if not offset or math.ult(#info.bytes, offset) or offset + #data > #info.bytes then
        return server:failure(c.EINVAL)
    end
    local bytes = info.bytes:sub(1, offset) .. data .. info.bytes:sub(offset + #data + 1)
    local ok
    ok, _, errno = server.inferior:set_siginfo(bytes, thread)
    return ok and ("%x"):format(#data) or server:failure(errno)
end

--- qXfer: reads or writes a piece of an object.
function objects.qXfer(server, text)
    local name, annex, place = text:match("^:([^:]*):read:(.*):([^:]*)$")
    if name and readers[name] then return read(server, name, annex, place) end
    place = text:match("^:siginfo:write::(.*)$")
    return place and write_siginfo(server, place) or ""
end

--- The names of what can be read and written, for qSupported.
objects.supported = { "qXfer:siginfo:write+" }
for name in pairs(readers) do
    objects.supported[#objects.supported + 1] = ("qXfer:%s:read+"):format(name)
end
table.sort(objects.supported)

return objects
