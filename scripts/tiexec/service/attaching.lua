-- SPDX-License-Identifier: Apache-2.0
--- Attaches to one process and remaps its text, in an errand: a copy of this process that goes on,
-- and lets the process go by itself, if this one is killed meanwhile.

local attach = require "tiexec.remap.attach"
local choice = require "tiexec.plan.choice"
local core = require "tiexec.core"
local count = require "tiexec.show.count"
local gate = require "tiexec.service.gate"
local looks = require "tiexec.watch.looks"
local message = require "tiexec.base.message"
local observed = require "tiexec.harness.observed"
local protection = require "tiexec.harness.protection"
local text = require "tiexec.base.text"

local attaching = {}

-- Sums up the text of a process: bytes, and those on huge pages.
local function text_of(pid)
    local bytes, huge = 0, 0
    for _, m in ipairs(core.mappings(pid, true) or {}) do
        if protection.is_executable(m.perms) and m.start >= 0 and not m.path:find("^%[[v]") then
            bytes, huge = bytes + (m.stop - m.start), huge + count.huge_bytes(m)
        end
    end
    return bytes, huge
end

-- The texts of a process that are not as huge as they can be: so that one is not stopped in vain.
local function small_texts(pid, least)
    local list, size = {}, core.huge_page_size()
    local mappings = core.mappings(pid, true) or {}
    for _, m in ipairs(mappings) do
        local is_text = m.inode ~= 0 and protection.is_executable(m.perms)
            and not protection.is_shared(m.perms)
        local huge, bytes = count.huge_bytes(m), m.stop - m.start
        if is_text and bytes >= least and (bytes - huge >= size or huge == 0) then
            list[#list + 1] = m
        end
    end
    return list
end

local function result(state, words, bytes, huge)
    return ("%s\t%d\t%d\t%s"):format(state, bytes or 0, huge or 0, words or "")
end

-- Does the work, in the errand.
local function work(pid, service, given)
    local reason = gate.reason(pid, service) -- it may be another than it was
    if reason then return result("skipped", reason) end
    local process = observed.open(pid)
    if not process then return result("skipped", "gone") end
    local name = process.executable and text.basename(process.executable) or process.name
    local chosen = choice.of(process, name, given)
    choice.prepare(chosen)
    if chosen.wrong then return result("failed", chosen.wrong) end
    local small = small_texts(pid, looks.least_text(chosen))
    if #small == 0 or not looks.is_worth(process, chosen, small) then return result("idle") end
    local _, before = text_of(pid)
    local ok, line = attach.remap_running(process, name, given)
    local bytes, huge = text_of(pid)
    if ok == nil then return result("failed", line, bytes, huge) end
    return result(huge > before and "gained" or "vain", line, bytes, huge)
end

--- Begins an errand for a process.
-- @int pid
-- @param service the setting of its profile
-- @tparam Settings given the settings of the command line and the environment
-- @treturn[1] errand whose result `attaching.told` reads
-- @treturn[2] nil, string why there is none
function attaching.begin(pid, service, given)
    return core.errand(function()
        local ok, told = xpcall(work, debug.traceback, pid, service, given)
        return ok and told or result("failed", message.of_error(told))
    end)
end

--- Reads the result of an errand.
-- @string told
-- @treturn table `state`: "gained"; "vain", nothing became huge; "idle", there was nothing to do;
-- "skipped"; "failed"; `why`, a string or nil; `bytes` of text; `huge_bytes`
function attaching.told(told)
    local state, bytes, huge, words = told:match("^(%a+)\t(%d+)\t(%d+)\t(.*)$")
    if not state then return { state = "failed", bytes = 0, huge_bytes = 0 } end
    return { state = state, why = words ~= "" and words or nil, bytes = math.tointeger(bytes),
        huge_bytes = math.tointeger(huge) }
end

return attaching
