-- SPDX-License-Identifier: Apache-2.0
--- Plain descriptions of an inferior and of the host: what a strategy is given.
-- They are data, so a strategy can be tested without a process.

local core = require "tiexec.core"
local objects = require "tiexec.harness.objects"

local describe = {}

local GIB <const> = 1 << 30
local TOP <const> = 1 << 62 -- above all user addresses

local special = { ["[heap]"] = "heap", ["[stack]"] = "stack", ["[vdso]"] = "vdso" }

local function kind_of_rest(mapping)
    if mapping.path == "" or mapping.path:find("^%[anon") then return "anonymous" end
    return special[mapping.path] or (mapping.path:sub(1, 1) == "[" and "kernel") or "file"
end

-- vsyscall lies above all user addresses: a negative integer, and nobody's to change.
local function user_mappings(pid, details)
    local all, message, errno = core.mappings(pid, details)
    if not all then return nil, message, errno end
    local mappings = {}
    for _, mapping in ipairs(all) do
        if mapping.start >= 0 and mapping.stop > mapping.start then
            mappings[#mappings + 1] = mapping
        end
    end
    return mappings
end

-- Where brk may put the heap: from its start to the first mapping that is not the heap's own.
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

local function stack_limit(pid)
    local file = io.open("/proc/" .. pid .. "/limits")
    if not file then return GIB end
    local text = file:read("a")
    file:close()
    return math.min(tonumber(text:match("Max stack size%s+(%d+)")) or GIB, GIB)
end

-- Where the stack may grow: downward as far as its limit lets it, and the guard gap below (1 MiB).
local function stack_range(pid, mappings)
    for _, mapping in ipairs(mappings) do
        if mapping.kind == "stack" then
            return { start = mapping.stop - stack_limit(pid) - (1 << 20), stop = mapping.stop }
        end
    end
end

--- Describes a stopped inferior.
-- @param inferior
-- @string stage "entry", …
-- @treturn[1] table `pid`, `stage`, `entry` (address), `executable` (an object or nil), `objects`,
-- `mappings` (each with `kind`: text, rodata, relro, data, guard, execute-only, shared, file, anonymous, heap,
-- stack, vdso, kernel), `heap` and `stack`: the ranges that they may grow into
-- @treturn[2] nil, message, errno
function describe.inferior(inferior, stage)
    local pid = inferior:pid()
    local mappings, message, errno = user_mappings(pid)
    if not mappings then return nil, message, errno end
    local list = objects.of(inferior, mappings)
    for _, mapping in ipairs(mappings) do
        mapping.kind = mapping.kind or kind_of_rest(mapping)
    end
    local entry = (inferior:auxv() or {}).AT_ENTRY
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

--- Describes the host: `tiexec.host()`, and `pool`, the hugetlb pool of pages of the size in question.
-- @int[opt] size of these, bytes: the PMD-sized ones
function describe.host(size)
    local host = core.host(size)
    host.pool = host.hugetlb[host.huge_page_size] or { total = 0, free = 0, reserved = 0, surplus = 0, overcommit = 0 }
    return host
end

--- The same for pages smaller than the PMD's that the TLB may hold as one entry all the same; nil: the CPU has
-- none that are smaller than those in question.
function describe.smaller(host)
    local size = host.contiguous_size
    return size > 0 and size < host.huge_page_size and describe.host(size) or nil
end

--- The host as an operation of a plan goes by it: with pages of its size.
function describe.host_for(operation, host)
    if not operation.page_size or operation.page_size == host.huge_page_size then return host end
    return describe.host(operation.page_size)
end

return describe
