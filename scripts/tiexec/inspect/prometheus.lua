-- SPDX-License-Identifier: Apache-2.0
--- Writes how much text of processes is huge in Prometheus's text format, for the textfile
-- collector of node_exporter.

local text = require "tiexec.base.text"

local prometheus = {}

-- The metrics: all are gauges, in bytes, with the field of a process that each of them shows.
local metrics <const> = {
    { "tiexec_text_bytes", "bytes", "Text of files that a process has mapped." },
    { "tiexec_text_huge_bytes", "huge_bytes", "Text of files that is on huge pages." },
    { "tiexec_text_resident_bytes", "resident", "Text of files that was read." },
    { "tiexec_text_generated_bytes", "generated", "Memory for which a process generated code." },
}

local escapes <const> = { ["\\"] = "\\\\", ['"'] = '\\"' }

-- Values of labels are UTF-8 in one line: other bytes are shown by their numbers.
local function label(name, value)
    return ('%s="%s"'):format(name, (text.visible(value):gsub('[\\"]', escapes)))
end

local function labels_of(process)
    local list = { label("pid", tostring(process.pid)), label("name", process.name) }
    if process.executable then list[3] = label("executable", process.executable) end
    return table.concat(list, ",")
end

--- Writes the metrics of processes.
-- @param file open for writing
-- @tparam table processes as `inspect/overview.lua` sums them up
-- @treturn[1] file it has been written
-- @treturn[2] nil, string why it could not be written
function prometheus.write(file, processes)
    local lines, labels = {}, {}
    for i, process in ipairs(processes) do labels[i] = labels_of(process) end
    for _, metric in ipairs(metrics) do
        local name, field, help = table.unpack(metric)
        lines[#lines + 1] = ("# HELP %s %s\n# TYPE %s gauge\n"):format(name, help, name)
        for i, process in ipairs(processes) do
            lines[#lines + 1] = ("%s{%s} %d\n"):format(name, labels[i], process[field])
        end
    end
    local ok, why = file:write(table.concat(lines))
    if ok then ok, why = file:flush() end
    return ok, why
end

return prometheus
