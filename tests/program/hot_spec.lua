-- SPDX-License-Identifier: Apache-2.0
-- --strategy hot: what a recording names becomes huge, and nothing else.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local ample = support.programs .. "ample_static"
local HUGE <const> = core.host().huge_page_size
local image = assert(core.image(ample))

-- The text of the program, and the first whole huge page in it.
local text, first
for _, segment in ipairs(image.segments) do
    if segment.type == 1 and segment.flags & 1 ~= 0 then text = segment end
end
first = (text.vaddr + HUGE - 1) // HUGE * HUGE

local function recording(build_id)
    local page = (first - text.vaddr + text.offset) >> 12
    return ('return { executable = %q, build_id = %q, samples = 100, event = "cycles", frequency = 1000, lost = 0,'
        .. 'objects = { { path = %q, samples = 100, build_id = %q, pages = { [%d] = 100 } } } }'):format(
        core.realpath(ample), build_id, core.realpath(ample), build_id, page + 5)
end

-- How many bytes of a process's text are huge copies. Other tests may have made the file's own pages huge.
local function copied(pid)
    local bytes = 0
    for _, m in ipairs(support.smaps(pid)) do
        if m.perms:find("x") then bytes = bytes + (m.AnonHugePages or 0) end
    end
    return bytes
end

-- Starts the program by thp, with files of settings. Gives how much is copied, and what tiexec has said.
local function start(files, words)
    local folder <close> = support.folder()
    os.execute(("mkdir -p %s/tiexec/recordings %s/tiexec/profiles.d"):format(folder.path, folder.path))
    for name, content in pairs(files) do
        support.write_file(("%s/tiexec/%s"):format(folder.path, name), (content:gsub("FOLDER", folder.path)))
    end
    local err = folder.path .. "/err"
    local process <close> = support.start(support.concat({ "env", "XDG_CONFIG_HOME=" .. folder.path, support.tiexec,
        "--sources", "thp" }, words, { ample, "wait" }), "2>" .. err)
    support.wait_for(function()
        return core.status(process.pid, "TracerPid") == 0
            and (core.readlink("/proc/" .. process.pid .. "/exe") or ""):find("ample", 1, true)
    end)
    return copied(process.pid), support.read_file(err)
end

describe("--strategy hot", function()
    local mode
    before_each(function() mode = support.thp("madvise") end)
    after_each(function() if mode then getmetatable(mode).__close(mode) end end)

    it("makes huge what the recording names, by the build-id", function()
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local huge, said = start({ ["recordings/" .. image.build_id .. ".lua"] = recording(image.build_id) },
            { "--strategy", "hot", "--verbose" })
        assert.equal(HUGE, huge)
        assert.truthy(said:find("1 huge pages, which have 100.0 % of the samples", 1, true), said)
    end)

    it("has a recording that a profile names", function()
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local huge, said = start({ ["mine.lua"] = recording(image.build_id), ["profiles.d/a.lua"] =
            ('return { match = { build_id = %q }, strategy = "hot", recording = "FOLDER/tiexec/mine.lua" }'):format(
                image.build_id) }, {})
        assert.equal(HUGE, huge)
        assert.equal("", said)
    end)

    it("has a recording that a parameter names, and refuses parameters that it does not know", function()
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/mine.lua", recording(image.build_id))
        local named = "hot:file=" .. folder.path .. "/mine.lua"
        for _, name in ipairs { named, named .. ",max-pages=1" } do
            local huge, said = start({}, { "--strategy", name })
            assert.equal(HUGE, huge)
            assert.equal("", said)
        end
        local huge, said = start({}, { "--strategy", "hot:pages=3" })
        assert.equal(0, huge)
        assert.truthy(said:find("unknown parameter 'pages' (there are: file, max-pages)", 1, true), said)
    end)

    it("acts as aggressive without one, or with that of another build, and says so", function()
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local huge, said = start({}, { "--strategy", "hot" })
        assert.is_true(huge > HUGE)
        assert.truthy(said:find("there is none", 1, true), said)
        huge, said = start({ ["x.lua"] = recording("abcd") }, { "--strategy", "hot", "--recording", "/nonexistent" })
        assert.is_true(huge > HUGE)
        assert.truthy(said:find("No such file", 1, true), said)
    end)

    it("is told how many pages there may be, or refuses", function()
        for _, words in ipairs { "--max-pages 0", "--max-pages x", "--max-pages -1" } do
            local result = support.shell(("%s -s hot %s true"):format(support.tiexec, words))
            assert.equal(125, result.code)
            assert.truthy(result.err:find("is not a number of pages", 1, true))
        end
    end)
end)
