-- SPDX-License-Identifier: Apache-2.0
--- Completes what sources say in haste: by whom cached pages are in use, and why a file's pages
-- stay small. That takes time and opens files: so it is done for reasons that somebody reads, once
-- the process runs again.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local filesystem = require "tiexec.harness.filesystem"
local holders = require "tiexec.harness.holders"

local causes = {}

local PATIENCE_MS <const> = 500 -- to read all of /proc, where some process may not answer

-- Whether the kernel has a free huge page (proc_buddyinfo(5)).
local function has_free_page(host)
    local order = 0
    while host.page_size << order < host.huge_page_size do order = order + 1 end
    for counts in (core.read_file("/proc/buddyinfo") or ""):gmatch("zone%s+%S+([%d ]+)") do
        local at = 0
        for count in counts:gmatch("%d+") do
            if at >= order and count ~= "0" then return true end
            at = at + 1
        end
    end
    return false
end

-- By whom the pages of a file are in use: a copy of this process looks, within a time.
local function of_use(path, outcome)
    local who = core.trial(function()
        local list = holders.of(path, outcome.pid)
        return #list > 0 and holders.text(list) or ""
    end, PATIENCE_MS)
    if who and who ~= "" then return codes.words("in-use-by", who) end
    return codes.words("in-use-unseen")
end

-- Why pages stay small that were read again.
local function of_small_pages(path, outcome)
    local its = filesystem.of("", path, outcome.host)
    if not its then return codes.words("no-large-folios") end
    if its.large_folios == false then return codes.words("filesystem-refuses", its.why) end
    if its.large_folios and not has_free_page(outcome.host) then
        return codes.words("no-free-pages")
    end
    if its.joins_text then
        return codes.words("filesystem-refuses",
            "the kernel has not joined them (is the file open for writing?)")
    end
    return codes.words("filesystem-refuses", its.type .. (its.large_folios
        and " has no huge pages for it (encryption, data=journal or bigalloc?)"
        or " has no huge pages in the page cache, as far as is known"))
end

local completed <const> = { ["in-use"] = of_use, ["no-large-folios"] = of_small_pages }

--- Completes the reasons of an outcome.
-- @tparam Outcome outcome
-- @treturn boolean whether some reason was completed
function causes.complete(outcome)
    local known, any = {}, false
    for _, result in ipairs(outcome.results) do
        for _, tried in ipairs(result.tried) do
            local code = codes.of(tried.why or "")
            local path = completed[code] and result.object
            if path then
                local key = code .. path
                known[key] = known[key] or completed[code](path, outcome)
                tried.why, any = known[key], true
            end
        end
    end
    return any
end

return causes
