-- SPDX-License-Identifier: Apache-2.0
--- Catching system calls: of those that are asked for the entry and the return are told, of others
-- nothing.
--
-- A program that was launched gets a seccomp filter that stops it at these calls alone
-- (SECCOMP_RET_TRACE), so that other calls cost nothing. A filter can never be taken away, and
-- without a tracer those calls would fail with ENOSYS. So such a program is not let go: it stays
-- under trace, with all that it starts, or is killed. Others are stopped at all their calls.

local core = require "tiexec.core"
local seccomp = require "tiexec.harness.seccomp"

local c = core.constants
local catching = {}

-- What is caught of each inferior: a set of numbers; and those that have a filter.
local caught = setmetatable({}, { __mode = "k" })
local filtered = setmetatable({}, { __mode = "k" })

-- Adds what one word, a name, a number or "group:NAME", stands for. Raises for an unknown one.
local function add(numbers, word)
    if math.type(word) == "integer" then
        numbers[word] = true
        return
    end
    local group = type(word) == "string" and (word:match("^group:(.*)") or word:match("^%%(.*)"))
    if group then
        local names = require "tiexec.harness.syscall_groups"[group]
        if not names then error(("unknown group of system calls '%s'"):format(group), 4) end
        for _, name in ipairs(names) do
            local number = core.syscall_number(name)
            if number then numbers[number] = true end
        end
        return
    end
    local number = type(word) == "string" and core.syscall_number(word)
    if not number then error(("unknown system call '%s'"):format(tostring(word)), 4) end
    numbers[number] = true
end

local function parse(list)
    if type(list) ~= "table" then error("a list of system calls expected", 3) end
    local numbers = {}
    for _, word in ipairs(list) do add(numbers, word) end
    return numbers
end

-- ---- the filter ---------------------------------------------------------------------------------

-- <linux/filter.h>, <linux/seccomp.h>: an instruction is a code, two jumps and a value.
local LOAD <const>, EQUAL <const>, RETURN <const> = 0x20, 0x15, 0x06
local NUMBER <const>, CPU <const> = 0, 4 -- in struct seccomp_data
local ALLOW <const>, TRACE <const> = 0x7fff0000, 0x7ff00000
local MOST <const> = 4096 -- instructions

local function instruction(code, value, if_true, if_false)
    return string.pack("<I2I1I1I4", code, if_true or 0, if_false or 0, value)
end

-- Gives a filter that stops a thread at some system calls of this CPU's own.
local function program(numbers)
    local sorted = {}
    for number in pairs(numbers) do sorted[#sorted + 1] = number end
    table.sort(sorted)
    local list = { instruction(LOAD, CPU), instruction(EQUAL, core.audit_arch, 1, 0),
        instruction(RETURN, ALLOW), instruction(LOAD, NUMBER) }
    for _, number in ipairs(sorted) do
        list[#list + 1] = instruction(EQUAL, number & 0xffffffff, 0, 1)
        list[#list + 1] = instruction(RETURN, TRACE)
    end
    list[#list + 1] = instruction(RETURN, ALLOW)
    return table.concat(list), #list
end

local SET_FILTER <const>, ALL_THREADS <const> = 1, 1 -- SECCOMP_SET_MODE_FILTER, …_FLAG_TSYNC
local NO_NEW_PRIVS <const> = 38 -- PR_SET_NO_NEW_PRIVS

-- Has the inferior install a filter. One who is not root may do so only without new privileges,
-- which a traced program does not get anyway.
local function install(inferior, numbers)
    local bytes, count = program(numbers)
    if count > MOST then return nil, "too many system calls", c.EINVAL end
    local HEAD <const> = 16 -- struct sock_fprog: how many, and where
    local place <close>, why, errno = inferior:lend(("\0"):rep(HEAD) .. bytes)
    if not place then return nil, why, errno end
    local function try()
        return inferior:remote_syscall("seccomp", SET_FILTER, ALL_THREADS, place.address)
    end
    local ok
    ok, why, errno = inferior:write_memory(place.address,
        string.pack("<I2I2I4j", count, 0, 0, place.address + HEAD))
    if ok then ok, why, errno = inferior:see_filters() end
    if ok then ok, why, errno = try() end
    if errno == c.EACCES then
        inferior:remote_syscall("prctl", NO_NEW_PRIVS, 1, 0, 0, 0)
        ok, why, errno = try()
    end
    if not ok then return nil, why, errno end
    seccomp.note_filter(inferior)
    filtered[inferior] = true
    return inferior:follow_fork(true)
end

-- ---- what scripts call --------------------------------------------------------------------------

--- Has system calls told of, their entry and their return, and no others.
-- @tparam Inferior inferior stopped
-- @tparam table|nil list of names, numbers, and groups ("group:file", "%file"); nil: none is
-- caught any more
-- @bool may_filter whether it may get a filter
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno
function catching.catch(inferior, list, may_filter)
    local numbers = list and parse(list)
    if numbers and may_filter then
        local ok, why, errno = install(inferior, numbers)
        if not ok then return nil, why, errno end
    end
    caught[inferior] = numbers
    return true
end

--- Gives a child what is caught of the process that it was forked from.
function catching.inherit(parent, child)
    caught[child], filtered[child] = caught[parent], filtered[parent]
    if filtered[child] then seccomp.inherit_filters(parent, child) end
end

--- Tells how `cont` sets an inferior going if a script does not say.
-- @treturn ?string
function catching.how(inferior)
    if caught[inferior] and not filtered[inferior] then return "syscall" end
end

--- Judges the stop of a system call.
-- @tparam Inferior inferior
-- @tparam Event event
-- @treturn boolean whether it is to be told
function catching.judge(inferior, event)
    local numbers = caught[inferior]
    return not numbers or not event.syscall or numbers[event.syscall] == true
end

return catching
