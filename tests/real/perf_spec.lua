-- SPDX-License-Identifier: Apache-2.0
-- perf names the functions of a large real program on huge pages. Only samples within its own text count: code that
-- it compiles at run time has no names without tiexec either.

local core = require "tiexec.core"
local debugged = require "tests.lib.debugged"
local specimen = require "tests.lib.specimen"
local support = require "tests.lib.support"

local ENOUGH <const> = 300 -- samples
local script <const> = [[
const zlib = require("zlib"), crypto = require("crypto");
const text = Buffer.from([...Array(200000).keys()].join(" "));
for (const end = Date.now() + %d; Date.now() < end;)
    crypto.createHash("sha256").update(zlib.gzipSync(text)).digest("hex");
]]

-- The text of a program that is not position-independent: where it lies is known.
local function text_of(path)
    local image = core.image(path)
    for _, segment in ipairs(image.type == core.constants.ET_EXEC and image.segments or {}) do
        local is_text = segment.type == core.constants.PT_LOAD and segment.flags & core.constants.PF_X ~= 0
        if is_text and segment.filesz > 2 << 20 then return segment.vaddr, segment.vaddr + segment.filesz end
    end
end

describe("perf on node", function()
    local node, start, stop

    setup(function()
        debugged.prepare()
        node = specimen.path("node")
        if node then start, stop = text_of(node) end
    end)
    teardown(debugged.restore)

    local function lacks(source)
        if not start then return node and "node is position-independent here" or "node is not installed" end
        return source and debugged.lacks(source)
    end

    local function read(data)
        local samples, named = 0, 0
        for line in support.shell("perf script -f -F ip,sym -i " .. data).out:gmatch("[^\n]+") do
            local ip, name = line:match("^%s*(%x+) (.+)$")
            ip = math.tointeger(tonumber(ip or "0", 16))
            if start <= ip and ip < stop then
                samples = samples + 1
                named = named + (name:find("[unknown]", 1, true) and 0 or 1)
            end
        end
        assert.is_true(samples >= ENOUGH, samples .. " samples")
        return named / samples
    end

    local function record(folder, words)
        local all = { "perf", "record", "-q", "-e", "cpu-clock:u", "-F", "4000", "-o", folder.path .. "/data" }
        support.run(table.move(words, 1, #words, #all + 1, all))
        return read(folder.path .. "/data")
    end

    it("names at least 99 % of the program by itself", function()
        if lacks() then return pending(lacks()) end
        local folder <close> = support.folder()
        assert.is_true(record(folder, { "--", node, "-e", script:format(2000) }) >= 0.99)
    end)

    for _, source in ipairs(debugged.sources) do
        it(source .. ": the same, begun before or attached later", function()
            if lacks(source) then return pending(lacks(source)) end
            local folder <close> = support.folder()
            local options = { "--strict", "--perf-map" }
            local words = debugged.words(source, { node, "-e", script:format(2000) }, options)
            assert.is_true(record(folder, { "--", table.unpack(words) }) >= 0.99)
            local process <close>, why = debugged.start(source, { node, "-e", script:format(600000) }, options)
            if not process then return pending(why) end
            assert.is_true(record(folder, { "-p", tostring(process.pid), "--", "sleep", "2" }) >= 0.99)
            os.remove(("/tmp/perf-%d.map"):format(process.pid))
        end)
    end
end)
