-- SPDX-License-Identifier: Apache-2.0
--- Strings and buffers as arguments of calls that an inferior is made to do: they are put into its
-- memory, and buffers are read back. Nothing of them is left there.

local buffers = require "tiexec.harness.buffers"

local arguments = {}

local ALIGN <const> = 16
local ON_STACK <const> = 64 << 10 -- bytes; the stack of a thread may be small
local SIGNATURE <const> = "an argument is an integer, a string or a buffer, and not %s"

-- The bytes of some arguments in an inferior's memory (class Passed): `values` has what the call
-- gets for each argument; `stop` and `start` is where the bytes lie.
local Passed = {}
Passed.__index = Passed

function Passed:__close()
    local _undo <close> = self.loan or self.scratch
end

--- Reads back what the call has left in the buffers.
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno
function Passed:take_back()
    for buffer, address in pairs(self.places) do
        local bytes, message, errno = self.inferior:read_memory(address, #buffer)
        if not bytes then return nil, message, errno end
        buffer.bytes = bytes
    end
    return true
end

-- Lays the bytes out one after the other. Returns them as one string, and the offset of each
-- argument that has some. `floats`: floating-point numbers are arguments, too.
local function lay_out(list, floats)
    local pieces, offsets, at = {}, {}, 0
    for i = 1, list.n do
        local value, bytes = list[i], nil
        if type(value) == "string" then
            bytes = value .. "\0"
        elseif buffers.is_buffer(value) then
            bytes = value.bytes
        elseif math.type(value) ~= "integer" and not (floats and math.type(value) == "float") then
            error(SIGNATURE:format(tostring(value)), 0)
        end
        if bytes then
            offsets[i] = at
            pieces[#pieces + 1] = bytes .. ("\0"):rep(-#bytes % ALIGN)
            at = at + #pieces[#pieces]
        end
    end
    return table.concat(pieces), offsets
end

-- Puts bytes into the inferior's memory: below the stack, or if that cannot be, into memory of
-- their own.
local function place(inferior, bytes)
    if #bytes <= ON_STACK then
        local loan = inferior:lend(bytes)
        if loan then return { loan = loan, start = loan.address } end
    end
    local scratch, message, errno = inferior:scratch(#bytes)
    if not scratch then return nil, message, errno end
    local ok
    ok, message, errno = inferior:write_memory(scratch.address, bytes)
    if ok then return { scratch = scratch, start = scratch.address } end
    scratch:close()
    return nil, message, errno
end

--- Puts the bytes of arguments into an inferior's memory.
-- @tparam Inferior inferior the selected thread is stopped
-- @tparam table list the arguments, as table.pack gives them; another kind of argument raises
-- @bool[opt] floats floating-point numbers are arguments, too
-- @treturn[1] Passed to be closed; `values` is the list of arguments as the call gets them
-- @treturn[2] nil, message, errno
function arguments.put(inferior, list, floats)
    local bytes, offsets = lay_out(list, floats)
    local placed, message, errno = {}, nil, nil
    if bytes ~= "" then placed, message, errno = place(inferior, bytes) end
    if not placed then return nil, message, errno end
    local passed = setmetatable(placed, Passed)
    passed.inferior, passed.values, passed.places = inferior, { n = list.n }, {}
    for i = 1, list.n do
        local address = offsets[i] and (placed.start or 0) + offsets[i]
        passed.values[i] = address or list[i]
        if address and buffers.is_buffer(list[i]) then passed.places[list[i]] = address end
    end
    return passed
end

--- Makes a system call with strings and buffers among its arguments.
-- @tparam Inferior inferior
-- @func call makes the call: `call(inferior, name, ...)`
-- @string name
-- @param ... the arguments
-- @return what `call` has returned
function arguments.pass(inferior, call, name, ...)
    local passed <close>, message, errno = arguments.put(inferior, table.pack(...))
    if not passed then return nil, message, errno end
    local result
    result, message, errno = call(inferior, name, table.unpack(passed.values, 1, passed.values.n))
    if not result then return nil, message, errno end
    local ok, unread, why = passed:take_back()
    if not ok then return nil, unread, why end
    return result
end

return arguments
