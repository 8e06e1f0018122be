-- SPDX-License-Identifier: Apache-2.0
--- Page sources: where huge pages come from. Each is a module of its own beside this file:
--
--   name, description
--   uses_pool: `host.pool` must be as it is now (optional)
--   offers(host) -> true where it has pages of `host.huge_page_size` to give, else nil and why; nil: it has the
--     PMD-sized ones alone (optional)
--   fit(process, range, host) -> the part of a range that it could serve now, or nil and why. `below` and
--     `above` of the part: what is there that it cannot serve (optional)
--   keeps_file: the part stays the file's own, nothing is copied
--   remap(process, part, host, options) -> true, or nil and why: the part is as it was
--   anonymous: whether what it gives is no file's, so that profilers find no names there
--   rehearse(process, host) -> nothing: the same kinds of system call, where remap cannot be tried on
--     anonymous memory (optional)
--
-- `process` does system calls and copies in the target: see `tiexec.process`.

--- Tried in this order where nothing else is said: first what needs no preparation of the host.
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

--- Why a source has no pages of the size in question for any range; nil: it may have some.
function list.lacks(source, host)
    if source.offers or host.huge_page_size == host.pmd_size then return nil end
    return ("its pages are of %s"):format(require "tiexec.planner".size_text(host.pmd_size))
end

--- The part of a range that a source could serve now, as its `fit` gives it.
-- @treturn[1] table
-- @treturn[2] nil, string why none
function list.fit(source, process, range, host)
    local why = list.lacks(source, host)
    if why then return nil, why end
    return source.fit(process, range, host)
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
