-- SPDX-License-Identifier: Apache-2.0
--- Descriptions of inferiors, for strategies. A description is plain data, so a strategy can be
-- tested without a process.

local core = require "tiexec.core"
local objects = require "tiexec.harness.objects"

local descriptions = {}

local GIB <const> = 1 << 30
local GUARD_GAP <const> = 1 << 20 -- the kernel keeps it free below a stack
local TOP <const> = 1 << 62 -- an address above all user addresses

local special = { ["[heap]"] = "heap", ["[stack]"] = "stack", ["[vdso]"] = "vdso" }

-- The kind of a mapping that belongs to no object.
local function kind_of_rest(mapping)
    if mapping.path == "" or mapping.path:find("^%[anon") then return "anonymous" end
    return special[mapping.path] or (mapping.path:sub(1, 1) == "[" and "kernel") or "file"
end

-- All mappings but the vsyscall page. That page lies above all user addresses, so that its
-- address is a negative integer here, and nobody can change it.
local function user_mappings(pid, all)
    local message, errno
    if not all then all, message, errno = core.mappings(pid, false, true) end
    if not all then return nil, message, errno end
    local mappings = {}
    for _, mapping in ipairs(all) do
        if mapping.start >= 0 and mapping.stop > mapping.start then
            mappings[#mappings + 1] = mapping
        end
    end
    return mappings
end

-- The range that brk(2) may give to the heap: from the heap's start to the first mapping after it.
local function heap_range(pid, mappings)
    local start = (core.layout(pid) or {}).start_brk
    if not start or start == 0 then return nil end
    for _, mapping in ipairs(mappings) do
        if mapping.start >= start and mapping.kind ~= "heap" then
            return { start = start, stop = mapping.start }
        end
    end
    return { start = start, stop = TOP }
end

-- How large the stack may become, in bytes: its limit, but at most a GiB.
local function stack_limit(pid)
    return math.min(core.stack_limit(pid) or GIB, GIB)
end

-- The range that the stack may grow into, with the guard gap below it.
local function stack_range(pid, mappings)
    for _, mapping in ipairs(mappings) do
        if mapping.kind == "stack" then
            return { start = mapping.stop - stack_limit(pid) - GUARD_GAP, stop = mapping.stop }
        end
    end
end

--- Describes an inferior.
-- @tparam Inferior|Observed inferior an inferior must be stopped
-- @string stage at which the description is made: "entry", "dlopen" or "attach"
-- @int[opt] entry the address of its entry point, if the caller has it
-- @tparam[opt] table known its mappings, joined, if the caller has them; they are changed
-- @treturn[1] Description
-- @treturn[2] nil, message, errno
function descriptions.of(inferior, stage, entry, known)
    local pid = inferior:pid()
    local mappings, message, errno = user_mappings(pid, known)
    if not mappings then return nil, message, errno end
    local list = objects.of(inferior, mappings)
    for _, mapping in ipairs(mappings) do
        mapping.kind = mapping.kind or kind_of_rest(mapping)
    end
    entry = entry or (inferior:auxv() or {}).AT_ENTRY
    local executable
    for _, object in ipairs(list) do
        if entry and object.entry + object.bias == entry then executable = object end
    end
    return {
        pid = pid,
        stage = stage,
        entry = entry,
        executable = executable,
        objects = list,
        mappings = mappings,
        heap = heap_range(pid, mappings),
        stack = stack_range(pid, mappings),
    }
end

return descriptions
