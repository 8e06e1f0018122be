-- SPDX-License-Identifier: Apache-2.0
--- Buffers (class Buffer): memory that a call in the inferior reads and writes. It is copied there
-- for the call, and copied back after it.

local Buffer = {}
Buffer.__index = Buffer

local buffers = {}

local LIMIT <const> = 1 << 30

--- Makes a buffer: memory that `call` and `remote_syscall` copy to the program and back.
-- @function tiexec.buffer
-- @tparam int|string contents how many zero bytes; or the bytes
-- @treturn Buffer `bytes` is what it holds, a string; `#` gives its size
-- @usage
-- local times = tiexec.buffer(16) -- struct timespec
-- inferior:remote_syscall("clock_gettime", 1, times)
-- local seconds, nanoseconds = times:unpack("jj")
-- print(seconds >= 0, nanoseconds < 1000000000) --> true true
function buffers.new(contents)
    if math.type(contents) == "integer" and contents >= 0 and contents <= LIMIT then
        contents = ("\0"):rep(contents)
    elseif type(contents) ~= "string" then
        error("buffer: a string, or a size of 0 to 1 GiB, expected", 2)
    end
    return setmetatable({ bytes = contents }, Buffer)
end

--- Tells whether a value is a buffer.
-- @treturn boolean
function buffers.is_buffer(value) return getmetatable(value) == Buffer end

function Buffer:__len() return #self.bytes end

--- Gives the bytes up to the first NUL: what C takes for a string.
-- @treturn string
-- @usage
-- local path = tiexec.buffer(4096)
-- inferior:remote_syscall("readlinkat", -100, "/proc/self/exe", path, #path)
-- print(path:string()) --> …/example
function Buffer:string() return self.bytes:match("^[^\0]*") end

--- Unpacks values, as string.unpack does.
-- @string format
-- @int[opt=1] position of the first byte
-- @return the values, and the position after them
-- @usage
-- local ends = tiexec.buffer(8)
-- inferior:remote_syscall("pipe2", ends, tiexec.constants.O_CLOEXEC)
-- local reader, writer = ends:unpack("i4i4")
-- print(inferior:remote_syscall("write", writer, "text", 4), reader ~= writer) --> 4 true
function Buffer:unpack(format, position) return string.unpack(format, self.bytes, position) end

return buffers
