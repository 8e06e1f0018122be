-- SPDX-License-Identifier: Apache-2.0
--- The list of page sources, which is where huge pages come from. Each source is a module of its own beside this
-- file; `types.lua` has its form (class Source).

local text = require "tiexec.base.text"

-- The sources are tried in this order where nothing else is said: those that need no preparation of the host first.
local order = { "file", "shared", "thp", "hugetlb" }

local list = {}

--- The default order, a fresh list.
function list.default()
    return table.move(order, 1, #order, 1, {})
end

--- Those of a list of names that may have pages of any size; all, if none may.
function list.of_any_size(names)
    local able = {}
    for _, name in ipairs(names) do
        if list.get(name).offers then able[#able + 1] = name end
    end
    return #able > 0 and able or names
end

--- The source called `name`. Each is loaded when it is first needed.
function list.get(name)
    return require("tiexec.sources." .. name)
end

--- Why a source has no pages of the size in question for any range.
-- @treturn ?string nil: it may have some
function list.lacks(source, host)
    if source.offers or host.huge_page_size == host.pmd_size then return nil end
    return ("its pages are of %s"):format(text.size(host.pmd_size))
end

--- The part of a range that a source could serve now, as its `fit` gives it.
-- @treturn[1] table
-- @treturn[2] nil, string why none
function list.fit(source, target, range, host)
    local why = list.lacks(source, host)
    if why then return nil, why end
    return source.fit(target, range, host)
end

local function is_known(name)
    for _, known in ipairs(order) do
        if known == name then return true end
    end
    return false
end

--- Checks a list of names. Returns nil when it is good, else what is wrong.
function list.check(names)
    if #names == 0 then return "the list of sources is empty" end
    for _, name in ipairs(names) do
        if not is_known(name) then
            return ("unknown source '%s' (there are: %s)"):format(name, table.concat(order, ", "))
        end
    end
end

return list
