-- SPDX-License-Identifier: Apache-2.0
-- All JSON is as docs/REPORT.md says: its keys, their types, and a code from the list for each reason and fact.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local json = require "dkjson"
local schema = require "tests.lib.json_schema"
local support = require "tests.lib.support"

local ample = support.programs .. "ample"

local function decode(text)
    local value, _, why = json.decode(text)
    return assert(value, why)
end

local function json_of(words)
    local result = support.run_tiexec(words)
    return decode(result.out)
end

-- The lines that a run adds to a report.
local function report_of(words)
    local folder <close> = support.folder()
    local path, list = folder.path .. "/report", {}
    support.run_tiexec(support.concat({ "--report", path }, words))
    for line in support.read_file(path):gmatch("[^\n]+") do list[#list + 1] = decode(line) end
    assert.is_true(#list > 0)
    return list
end

local function assert_documented(title, value)
    assert.same({}, schema.wrong(schema.read("All", title), value))
end

-- Each reason has a code beside it, that of its words.
local function assert_coded(mappings)
    local count = 0
    for _, m in ipairs(mappings) do
        assert.equal(#m.why, #m.codes)
        for i, words in ipairs(m.why) do
            assert.equal(codes.of(words), m.codes[i])
            assert.not_equal(codes.OTHER, m.codes[i], words)
            count = count + 1
        end
    end
    assert.is_true(count > 0)
end

describe("docs/REPORT.md", function()
    it("has all codes, with their words", function()
        local page = support.read_file(schema.PAGE)
        local wanted = schema.code_tables()
        local at = page:find("### Of reasons", 1, true)
        assert.equal(wanted, page:sub(at, at + #wanted - 1))
    end)

    it("is what JSON is compared with: what is not there is found", function()
        local root = schema.read("All", "A line of `--report`: nothing could be done")
        local value = { schema = 1, tiexec = "1", command = "x", error = "y", code = "32-bit" }
        assert.same({}, schema.wrong(root, value))
        value.code, value.more, value.command = "no-such-code", 1, nil
        assert.same({ ".code is no code: no-such-code", ".command is missing", ".more is not documented" },
            schema.wrong(root, value))
    end)
end)

describe("codes", function()
    it("are found by the words, whatever the values", function()
        for code, format in pairs(codes.reasons) do
            local values = {}
            for letter in format:gmatch("%%[#.%d]*(%a)") do
                values[#values + 1] = letter == "s" and "some (words): 1.5 MiB" or 7
            end
            local words = codes.words(code, table.unpack(values))
            assert.equal(code, codes.of(words), words)
            assert.equal(code, codes.of("file, shared: " .. words), words)
        end
        assert.equal(codes.OTHER, codes.of("Cannot allocate memory"))
    end)

    it("are all in use, and no others", function()
        local used = {}
        local all = support.shell("cat $(find scripts -name '*.lua' ! -name codes.lua)").out
        for word in all:gmatch('"([%l%d-]+)"') do used[word] = true end
        for _, formats in ipairs { codes.reasons, codes.facts } do
            for code in pairs(formats) do assert.is_true(used[code], code) end
        end
        for code in all:gmatch('codes%.words%("([^"]*)"') do assert.is_truthy(codes.reasons[code], code) end
        for code in all:gmatch('planner%.reason%("([^"]*)"') do assert.is_truthy(codes.reasons[code], code) end
    end)
end)

describe("JSON is as documented:", function()
    local LINE <const> = "A line of `--report`"
    for what, words in pairs {
        ["by default"] = {}, ["conservative"] = { "-s", "conservative" }, ["nothing"] = { "-s", "none" },
        ["private copies"] = { "--sources", "thp,hugetlb" },
        ["two programs"] = { "--follow", "exec", "sh", "-c", 'exec "$0"' },
    } do
        it("--report, " .. what, function()
            for _, line in ipairs(report_of(support.concat(words, { ample }))) do
                assert_documented(LINE, line)
                assert_coded(line.mappings)
            end
        end)
    end

    it("--report of what is attached to, and of a plan that is refused", function()
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/x.lua",
            "return { plan = function() return { { op = 'remap', start = 1, stop = 2 } } end }")
        local process <close> = support.start { ample, "wait" }
        assert(support.wait_for(function()
            return (core.readlink(("/proc/%d/exe"):format(process.pid)) or ""):find("ample$")
        end))
        for _, words in ipairs { { "--attach", tostring(process.pid) }, { "-s", folder.path .. "/x.lua", ample } } do
            for _, line in ipairs(report_of(words)) do
                assert_documented(LINE, line)
                assert_coded(line.mappings)
                if words[1] == "-s" then assert.equal("not-aligned", line.refused[1].code) end
            end
        end
    end)

    it("--report where nothing can be done", function()
        local found = report_of { "-s", "no-such-strategy", ample }[1]
        assert_documented(LINE .. ": nothing could be done", found)
        assert.equal("no-strategy", found.code)
    end)

    it("--inspect", function()
        for _, words in ipairs { {}, { "-s", "conservative" }, { "--sources", "hugetlb" } } do
            local found = json_of(support.concat({ "--json" }, words, { "--inspect", "--", ample }))
            assert_documented("`--inspect` of one process", found)
            assert_coded(found.mappings)
        end
        local several = "`--inspect` of several processes, and `--top`"
        assert_documented(several, json_of { "--json", "--inspect", "all" })
        assert_documented(several, json_of { "--json", "--top" })
    end)

    it("--check", function()
        for _, words in ipairs { {}, { ample }, { "/nowhere/x" }, { "--probe" }, { "-s", "no-such" } } do
            assert_documented("`--check`", json_of(support.concat({ "--check", "--json" }, words)))
        end
    end)

    it("--warm", function()
        for _, word in ipairs { ample, "/etc/passwd", "/nowhere/x" } do
            assert_documented("`--warm`", json_of { "--warm", "--json", word })
        end
    end)

    it("--compare", function()
        for _, words in ipairs { { "--compare" }, { "--compare=thp,none" } } do
            local found = json_of(support.concat(words, { "--json", "--seconds", "3", "--", ample, "untold" }))
            assert_documented("`--compare`", found)
        end
    end)

    it("--compare --attach", function()
        local folder <close> = support.folder()
        local process <close> = support.start { support.programs .. "serving", folder.path .. "/served" }
        assert(support.wait_for(function() return support.read_file(folder.path .. "/served") end))
        assert_documented("`--compare --attach`", json_of { "--compare", "--json", "--seconds", "3", "--metric",
            "cat " .. folder.path .. "/served", "--attach", tostring(process.pid) })
    end)

    it("--record=tlb", function()
        if support.shell("command -v qemu-$(uname -m)").code ~= 0 then return pending("no qemu-user") end
        assert_documented("`--record=tlb`", json_of { "--record=tlb:0", "--json", "/bin/true" })
    end)

    it("--record", function()
        local burning = support.programs .. "burning"
        local folder <close> = support.folder()
        local file = folder.path .. "/recording"
        local said = support.run_tiexec({ "--record", "-o", file, burning, "100" }).err
        if not support.read_file(file) then return pending("this host takes no samples: " .. said) end
        assert_documented("`--record`", json_of { "--record", "--report", file, "--json" })
    end)
end)
