-- SPDX-License-Identifier: Apache-2.0
--- Reads recordings: files of `--record`, which tell where the samples of an executable lie. They
-- are named by the executable's build-id.

local paths = require "tiexec.plan.paths"
local sandbox = require "tiexec.plan.sandbox"

local recordings = {}

--- Gives the name of an executable's recording.
-- @string build_id
-- @treturn string
function recordings.name(build_id) return build_id .. ".lua" end

--- Gives the folder that recordings are written to: the user's, or the host's where there is none.
-- @treturn string
function recordings.folder() return paths.folders("recordings")[1] end

--- Finds the recording of an executable.
-- @string build_id
-- @treturn ?string its path; nil: there is none
function recordings.find(build_id)
    for _, folder in ipairs(paths.folders("recordings")) do
        local path = folder .. "/" .. recordings.name(build_id)
        if build_id:find("^%x+$") and paths.exists(path) then return path end
    end
end

local function is_count(value) return math.type(value) == "integer" and value >= 0 end

-- What is wrong with an object of a recording, or nil.
local function wrong_object(object)
    if type(object) ~= "table" or type(object.path) ~= "string" or not is_count(object.samples)
        or type(object.pages) ~= "table" then
        return "an object needs path, samples and pages"
    end
    for page, count in pairs(object.pages) do
        if not is_count(page) or not is_count(count) then
            return "pages has no number of samples"
        end
    end
end

-- What is wrong with a recording, or nil.
local function wrong_with(one)
    if type(one) ~= "table" or type(one.executable) ~= "string" or not is_count(one.samples)
        or type(one.objects) ~= "table" then
        return "it is no recording: executable, samples and objects are needed"
    end
    for _, object in ipairs(one.objects) do
        local wrong = wrong_object(object)
        if wrong then return wrong end
    end
end

--- Reads a recording. The file is run like a profile's: apart, and with limits.
-- @string path
-- @treturn[1] Recording
-- @treturn[2] nil, string what is wrong with it
function recordings.read(path)
    local one, why = sandbox.call(function() return sandbox.run_file(path) end)
    if not one then return nil, sandbox.with_path(path, why) end
    local wrong = wrong_with(one)
    if wrong then return nil, ("%s: %s"):format(path, wrong) end
    return one
end

return recordings
