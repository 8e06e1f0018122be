-- SPDX-License-Identifier: Apache-2.0
--- Shows people what the model of TLBs has found.

local columns = require "tiexec.show.columns"
local cpus = require "tiexec.model.cpus"
local terminal = require "tiexec.base.terminal"
local text = require "tiexec.base.text"

local model_table = {}

local function rows_of(found)
    local rows = { { "", "misses, small pages", "with tiexec", "walks, small pages",
        "with tiexec" } }
    for _, cpu in ipairs(cpus) do
        local small, huge = found.cpus[cpu.name].small, found.cpus[cpu.name].huge
        rows[#rows + 1] = { cpu.name, ("%.3f"):format(small.misses),
            ("%.3f"):format(huge.misses), ("%.4f"):format(small.walks),
            ("%.4f"):format(huge.walks) }
    end
    return rows
end

--- Writes what the model has found.
-- @tparam ModelResult found
-- @tparam file out open for writing
-- @int fd its descriptor
-- @treturn[1] file it has been written
-- @treturn[2] nil, string why it could not be written
function model_table.show(found, out, fd)
    local paint = terminal.painter(fd)
    local ok, why = out:write(paint("bold", text.visible(text.basename(found.executable))),
        ": a model of instruction TLBs, and no measurement\n",
        ("  in 1000 of %.3g million instructions of its first thread, after %.0f million:\n\n")
            :format(found.instructions / 1e6, found.skipped / 1e6),
        columns.align(rows_of(found), { false, true, true, true, true }),
        ("\n  with %s of %s\n"):format(text.count(found.huge_pages, "huge page"),
            text.size(found.huge_page_size)))
    if ok then ok, why = out:flush() end
    return ok, why
end

return model_table
