-- SPDX-License-Identifier: Apache-2.0
--- The page sources (class Source): where huge pages come from. Each source is a module beside this
-- file, of the form that `types/sources.lua` describes.

local codes = require "tiexec.base.codes"
local text = require "tiexec.base.text"

-- All sources, in the default order: first those that need no preparation of the host.
local order = { "file", "shared", "thp", "hugetlb" }

local sources = {}

--- Lists the names of all sources, in the default order.
-- @treturn table a list of its own for each caller
function sources.default()
    return table.move(order, 1, #order, 1, {})
end

--- Picks the sources that may have pages of other sizes than the PMD's.
-- @tparam table names of sources
-- @treturn table names; all of them if no source may
function sources.of_any_size(names)
    local able = {}
    for _, name in ipairs(names) do
        if sources.get(name).offers then able[#able + 1] = name end
    end
    return #able > 0 and able or names
end

--- Gives a source. It is loaded when it is first needed.
-- @string name of a source that exists
-- @treturn Source
function sources.get(name)
    return require("tiexec.sources." .. name)
end

--- Says why a source has no pages of the size in question, whatever the range.
-- @tparam Source source
-- @tparam Host host for huge pages of that size
-- @treturn ?string nil: the source may have some
function sources.lacks(source, host)
    if source.offers or host.huge_page_size == host.pmd_size then return nil end
    return codes.words("other-page-size", text.size(host.pmd_size))
end

--- Finds the part of a range that a source could serve now.
-- @tparam Source source
-- @tparam Target target
-- @tparam Range range whole huge pages
-- @tparam Host host for huge pages of the size in question
-- @treturn[1] Part
-- @treturn[2] nil, string why there is no such part
function sources.fit(source, target, range, host)
    local why = sources.lacks(source, host)
    if why then return nil, why end
    return source.fit(target, range, host)
end

local prepared = {} -- the sources that have opened something

--- Tells whether a source is certain to serve a range of a process that runs, as far as is seen.
-- @tparam Source source
-- @tparam Target target
-- @tparam Range range
-- @tparam Host host
-- @treturn boolean
function sources.will_serve(source, target, range, host)
    return source.will_serve ~= nil and source.will_serve(target, range, host)
end

--- Has a source open what it needs of files for a range, before the process is stopped.
-- @tparam Source source
-- @tparam Target target
-- @tparam Range range
-- @tparam Host host
function sources.prepare(source, target, range, host)
    if not source.prepare or sources.lacks(source, host) then return end
    prepared[source] = true
    source.prepare(target, range, host)
end

--- Has the sources close what they have opened: the process runs again.
function sources.release()
    for source in pairs(prepared) do source.release() end
    prepared = {}
end

local function is_known(name)
    for _, known in ipairs(order) do
        if known == name then return true end
    end
    return false
end

--- Checks a list of names.
-- @tparam table names
-- @treturn ?string what is wrong with the list; nil: nothing is
function sources.check(names)
    if #names == 0 then return "the list of sources is empty" end
    for _, name in ipairs(names) do
        if not is_known(name) then
            return ("unknown source '%s' (there are: %s)"):format(name, table.concat(order, ", "))
        end
    end
end

return sources
