-- SPDX-License-Identifier: Apache-2.0
--- Streams by what people call them: "-", "PORT", "HOST:PORT", "/path", "| command".

local core = require "tiexec.core"

local c = core.constants
local stream = {}

core.open_late(core)

local LOOPBACK <const> = "127.0.0.1"

-- Reads HOST:PORT, :PORT, PORT, [HOST]:PORT or a path. Without a host it is the loopback device.
-- Returns a host and a port; a path; or nil.
local function parse(text)
    if text:find("^%.?/") or text:find("^unix:") then return (text:gsub("^unix:", "")) end
    local host, port = text:match("^%[?(.-)%]?:(%d+)$")
    if not port then host, port = "", text:match("^(%d+)$") end
    if not port or tonumber(port) > 65535 then return nil end
    return host ~= "" and host or LOOPBACK, port
end

local function refuse(text)
    return nil, ("'%s' is neither a port, nor HOST:PORT, nor a path"):format(text), c.EINVAL
end

--- Listens where a text says.
-- @string text "PORT" or "HOST:PORT"; without a host it listens on the loopback device alone; port
-- 0 is one that is free. Or the path of a socket
-- @treturn[1] Stream that listens
-- @treturn[1] string where
-- @treturn[2] nil, message, errno
function stream.listen(text)
    local host, port = parse(text)
    if not host then return refuse(text) end
    local listener, why, errno = core.stream_listen(host, port)
    if not listener then return nil, ("%s: %s"):format(text, why), errno end
    return listener, port and ("%s:%d"):format(host, listener:port()) or host
end

--- Waits for a peer where a text says.
-- @string text as `listen` takes it; or "-": standard input and output
-- @tparam[opt] func told is called with where it listens
-- @treturn[1] Stream
-- @treturn[2] nil, message, errno
function stream.accept(text, told)
    if text == "-" then return core.stream_stdio() end
    local listener <close>, where, errno = stream.listen(text)
    if not listener then return nil, where, errno end
    if told then told(where) end
    return listener:accept()
end

--- Connects where a text says.
-- @string text "HOST:PORT", "PORT", the path of a socket, or "| command"
-- @int[opt] timeout milliseconds
-- @treturn[1] Stream
-- @treturn[2] nil, message, errno
function stream.connect(text, timeout)
    local command = text:match("^%s*|(.*)$")
    if command then return core.stream_spawn(command) end
    local host, port = parse(text)
    if not host then return refuse(text) end
    return core.stream_connect(host, port, timeout)
end

return stream
