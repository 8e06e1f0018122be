-- SPDX-License-Identifier: Apache-2.0
--- Calling functions of an inferior: they are given integers, numbers, strings and buffers.

local arguments = require "tiexec.harness.arguments"
local buffers = require "tiexec.harness.buffers"
local core = require "tiexec.core"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local seccomp = require "tiexec.harness.seccomp"
local uncallable = require "tiexec.harness.uncallable"

local c = core.constants
local methods = {} -- of inferiors

local BELOW <const> = 1024 -- more than a leaf function may use below its stack pointer
local STACK <const> = 256 << 10 -- bytes of a stack that is made for a call

-- ---- the result ---------------------------------------------------------------------------------

local function sign(value, bits)
    local half = 1 << (bits - 1)
    return ((value & (1 << bits) - 1) ~ half) - half
end

-- By the names of types: what they make of the two registers that may have the result.
local results = {
    i64 = function(integer) return integer end,
    float = function(_, number) return (string.unpack("<f", string.pack("<d", number))) end,
    double = function(_, number) return number end,
    bool = function(integer) return integer & 0xff ~= 0 end,
    void = function() return true end,
}
results.u64, results.pointer = results.i64, results.i64
for _, bits in ipairs { 8, 16, 32 } do
    results["i" .. bits] = function(integer) return sign(integer, bits) end
    results["u" .. bits] = function(integer) return integer & (1 << bits) - 1 end
end

-- ---- where --------------------------------------------------------------------------------------

-- Says why the function cannot be called; nil: it can.
local function refusal(inferior, mappings, address)
    local mapping = ranges.find(mappings, address)
    if not mapping or not protection.is_executable(mapping.perms) then
        return ("call: there is no code at %#x"):format(address), c.EFAULT
    end
    local why = seccomp.refusal(inferior) or seccomp.is_asked(inferior)
        and "call: what its seccomp filters make of the end of a call is not known"
    if why then return why, c.EPERM end
end

-- Tells whether there is room below the stack pointer. The first thread's stack grows, and those of
-- the C library's threads have a guard below. Of others, such as a goroutine's, it is not known.
local function has_room(mappings, sp)
    for i, mapping in ipairs(mappings) do
        if ranges.contains(mapping, sp) then
            if mapping.path == "[stack]" then return true end
            local below = mappings[i - 1]
            local has_guard = below and below.stop == mapping.start
                and below.perms:sub(1, 3) == "---" and below.inode == 0
            return has_guard and sp - mapping.start > 2 * STACK
        end
    end
    return false
end

-- Gives where the call's stack begins, and what is to be closed after it.
local function find_stack(inferior, mappings, passed)
    local sp, message, errno = inferior:read_register("sp")
    if not sp then return nil, message, errno end
    if has_room(mappings, sp) then
        return (passed.loan and passed.start or sp - BELOW) & -16
    end
    local stack
    stack, message, errno = inferior:scratch(STACK)
    if not stack then return nil, message, errno end
    return stack.address + STACK - 64, stack
end

-- ---- the call -----------------------------------------------------------------------------------

local function run(inferior, call)
    local mappings, message, errno = inferior:mappings()
    if not mappings then return nil, message, errno end
    local why, number = refusal(inferior, mappings, call.address)
    if why then return nil, why, number end
    local passed <close>, unplaced, failed = arguments.put(inferior, call.list, true)
    if not passed then return nil, unplaced, failed end
    local sp, stack, refused = find_stack(inferior, mappings, passed)
    if not sp then return nil, stack, refused end
    local _stack <close> = stack
    local integers, floats = {}, {}
    for i = 1, passed.values.n do
        local list = math.type(passed.values[i]) == "float" and floats or integers
        list[#list + 1] = passed.values[i]
    end
    local integer, number_or_why, error_number, signal, pc =
        inferior:run_function(call.address, sp, integers, floats, call.timeout)
    if not integer then
        local text = signal and ("call: it has raised %s at %s"):format(
            core.signal_name(signal) or signal, inferior:symbolize(pc) or ("%#x"):format(pc))
        return nil, text or number_or_why, error_number
    end
    local ok
    ok, message, errno = passed:take_back()
    if not ok then return nil, message, errno end
    return results[call.returns](integer, number_or_why)
end

local IFUNC_ARGUMENT <const> = 1 << 62 -- _IFUNC_ARG_HWCAP: the second argument is there

-- Calls the function that chooses an implementation, as the dynamic linker does.
local function choose(inferior, address, timeout)
    local vector = inferior:auxv() or {}
    local capabilities = vector.AT_HWCAP or 0
    local more = buffers.new(string.pack("<jjj", 24, capabilities, vector.AT_HWCAP2 or 0))
    return run(inferior, { address = address, timeout = timeout, returns = "pointer",
        list = table.pack(capabilities | IFUNC_ARGUMENT, more) })
end

-- Gives the address of the function that a script means.
local function find(inferior, target, timeout)
    if math.type(target) == "integer" then return target end
    if type(target) ~= "string" then error("call: a name or an address expected", 4) end
    local reason = uncallable.function_reason(inferior, target)
    if reason then return nil, ("call: %s: %s"):format(target, reason), c.EINVAL end
    local symbol, message, errno = inferior:lookup_symbol(target)
    if not symbol then return nil, message, errno end
    if symbol.kind == "ifunc" then return choose(inferior, symbol.address, timeout) end
    return symbol.address
end

local function check_options(options)
    local returns, timeout = options.returns or "i64", options.timeout
    if not results[returns] then
        error(("call: there is no type '%s'"):format(tostring(returns)), 3)
    end
    if timeout ~= nil and (math.type(timeout) ~= "integer" or timeout < 0) then
        error("call: a timeout in milliseconds expected", 3)
    end
    for name in pairs(options) do
        if name ~= 1 and name ~= "returns" and name ~= "timeout" then
            error(("call: unknown option '%s'"):format(tostring(name)), 3)
        end
    end
    return returns, timeout
end

--- Makes the selected thread, which must be stopped, call a function of the program. The other
-- threads stay as they are: if the function waits for one of them, it does not return in time.
-- Afterwards the thread's registers and blocked signals are what they were. What the function has
-- done to memory stays, and if it did not come to its end, half of that: a lock may stay locked.
-- @tparam string|int|table target the function's name, or its address; or a table of that and of
-- options: `returns`: the type of the result: "i64" when absent, or i8 to u64, "pointer", "float",
-- "double", "bool", "void" (true); `timeout`: milliseconds; when absent ten seconds, or
-- what `call_timeout` has set
-- @param ... integers, strings and Buffers, of which it gets copies as of `remote_syscall`, and
-- floating-point numbers, which it gets as doubles. More than the CPU passes in registers (six
-- integers on x86-64, seven on AArch64; eight numbers), and other values, raise
-- @treturn[1] int|number|boolean the result
-- @treturn[2] nil, message, errno (ENOENT: there is no such function; EFAULT: it has raised a
-- signal, which was taken away, or there is no code; ETIMEDOUT; ESRCH: the thread has ended;
-- EBUSY: it is running; EPERM: the program has seccomp filters of its own; EINVAL: it is fork, and
-- `follow_fork` is off)
-- @usage
-- print(inferior:call("add", 1, 2)) --> 3
-- print(inferior:call({ "scale", returns = "double" }, 2.0)) --> 3.0
-- print(inferior:call("strlen", "text")) --> 4
-- print(inferior:call({ "strchr", returns = "pointer" }, "text", 0x71)) --> 0
function methods:call(target, ...)
    local options = type(target) == "table" and target or { target }
    local returns, timeout = check_options(options)
    local address, message, errno = find(self, options[1], timeout)
    if not address then return nil, message, errno end
    return run(self, { address = address, timeout = timeout, returns = returns,
        list = table.pack(...) })
end

return { methods = methods }
