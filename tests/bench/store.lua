-- SPDX-License-Identifier: Apache-2.0
-- What `make bench` has measured, as JSON: a file in build/bench (or BENCH_RAW) for each case of a part, so that one
-- which is there need not be measured again.

local json = require "dkjson"
local support = require "tests.lib.support"

local store = {}

store.FOLDER = os.getenv("BENCH_RAW") or "build/bench"

local function path_of(part, case) return ("%s/%s.%s.json"):format(store.FOLDER, part, (case:gsub("[^%w.-]+", "-"))) end

--- What was measured of a case; nil: nothing.
-- @treturn ?table `value`; and about it `seconds`, `date`, `is_short`, `others` (processors that other work took), and
-- `processors`, all there are
function store.read(part, case)
    local text = support.read_file(path_of(part, case))
    return text and json.decode(text) or nil
end

--- Whether a case is done: not, if only a short run was made, and a long one is wanted.
function store.is_done(part, case, is_short)
    local found = store.read(part, case)
    return found ~= nil and (is_short or not found.is_short)
end

--- Keeps what was measured. A file is there as a whole or not at all.
function store.write(part, case, measured)
    local path = path_of(part, case)
    support.write_file(path .. ".new", json.encode(measured) .. "\n")
    assert(os.rename(path .. ".new", path))
end

return store
