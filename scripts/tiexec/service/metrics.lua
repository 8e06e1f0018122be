-- SPDX-License-Identifier: Apache-2.0
--- What the service has done, in Prometheus's text format, for a textfile collector.

local core = require "tiexec.core"
local keys = require "tiexec.base.keys"

local metrics = {}

local PREFIX <const> = "tiexec_service_"
local SOON_S <const>, LATE_S <const> = 1, 15 -- between two files: with news, and without

-- The metrics in order: name, type, the name of the label if there is one, help.
local known <const> = {
    { "execs_total", "counter", nil, "Processes that were told of as having become a program." },
    { "attached_total", "counter", "result", "Processes attached to, by what came of it." },
    { "skipped_total", "counter", "reason", "Times that a process was left alone." },
    { "missed_total", "counter", nil, "Looks at all processes, as records may have been lost." },
    { "put_off_total", "counter", nil, "Times that a process had to wait because of the rate." },
    { "huge_bytes_total", "counter", nil, "Bytes of text on huge pages in processes that gained." },
    { "waiting", "gauge", nil, "Processes that are to be looked at." },
    { "profiles", "gauge", nil, "Profiles that name programs for the service." },
    { "wrong_profiles", "gauge", nil, "Profiles that cannot be used." },
    { "reloads_total", "counter", nil, "Times that profiles were read again." },
    { "records", "gauge", nil, "1: the kernel tells of execs; 0: /proc is looked at each second." },
    { "cpu_seconds_total", "counter", nil, "Processor time, without that of errands." },
}

local Metrics = {}
Metrics.__index = Metrics

--- Adds to a counter.
-- @string name
-- @int[opt=1] by
-- @string[opt] label the value of its label
function Metrics:add(name, by, label)
    local values = self.values[name]
    values[label or ""] = (values[label or ""] or 0) + (by or 1)
    self.is_new = true
end

--- Sets a gauge.
-- @string name
-- @number value
function Metrics:set(name, value)
    if self.values[name][""] ~= value then self.is_new = true end
    self.values[name][""] = value
end

local escapes <const> = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }

local function escape(label) return (label:gsub('[\\"\n]', escapes)) end

local function number(value)
    return math.type(value) == "integer" and ("%d"):format(value) or ("%.3f"):format(value)
end

--- Writes them as text.
-- @treturn string
function Metrics:text()
    local lines = {}
    self.values.cpu_seconds_total[""] = os.clock()
    for _, one in ipairs(known) do
        local name, kind, label, help = one[1], one[2], one[3], one[4]
        lines[#lines + 1] = ("# HELP %s%s %s"):format(PREFIX, name, help)
        lines[#lines + 1] = ("# TYPE %s%s %s"):format(PREFIX, name, kind)
        local values = self.values[name]
        for _, key in ipairs(keys.sorted(values)) do
            local of = label and ('{%s="%s"}'):format(label, escape(key)) or ""
            lines[#lines + 1] = ("%s%s%s %s"):format(PREFIX, name, of, number(values[key]))
        end
    end
    return table.concat(lines, "\n") .. "\n"
end

--- Writes them to the file, if there is one, and if it is time.
-- @number now
-- @treturn[1] boolean true
-- @treturn[2] nil, string why it cannot be written
function Metrics:write(now)
    local wait = self.is_new and SOON_S or LATE_S
    if not self.path or now < self.written + wait then return true end
    self.written, self.is_new = now, false
    return core.replace_file(self.path, self:text())
end

--- Makes them.
-- @string[opt] path of the file
-- @treturn Metrics
function metrics.new(path)
    local values = {}
    for _, one in ipairs(known) do values[one[1]] = one[3] and {} or { [""] = 0 } end
    return setmetatable({ values = values, path = path, written = -math.huge, is_new = true },
        Metrics)
end

return metrics
