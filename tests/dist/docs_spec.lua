-- SPDX-License-Identifier: Apache-2.0
-- README and docs/: their command lines are right, their links lead somewhere, the figures of README are those of the
-- documents that it names, and the messages of TROUBLESHOOTING are tiexec's.

local options = require "tiexec.help.options"
local settings = require "tiexec.plan.settings"
local support = require "tests.lib.support"

local files = { "README.md" }
for path in support.shell("ls docs/*.md").out:gmatch("[^\n]+") do
    if not path:find("%.in%.md$") then files[#files + 1] = path end
end

-- The words of a command line, without comments; what a shell would put in is one word.
local function words_of(line)
    line = line:gsub("%s#.*$", ""):gsub("%$%b()", "1"):gsub("'[^']*'", function(word) return (word:gsub("%s", "_")) end)
    local words = {}
    for word in line:gmatch("%S+") do words[#words + 1] = (word:gsub("^'(.*)'$", "%1")) end
    return words
end

-- Calls a function with each line of a document that is a call of tiexec.
local function each_command(text, f)
    local fenced = false
    for line in text:gmatch("[^\n]*") do
        if line:find("^```") then fenced = not fenced end
        local command = fenced and line:match("^%$? ?(tiexec %-?[^|…]*)$")
        if command and not line:find("^tiexec:") and not line:find("…", 1, true) then f(command) end
        for code in (fenced and "" or line):gmatch("`(tiexec %-%-?%a[^`…]*)`") do f(code) end
    end
end

describe("documents:", function()
    for _, path in ipairs(files) do
        local text = support.read_file(path)

        it(path .. ": its command lines have options and values that there are", function()
            each_command(text, function(command)
                local words = words_of(command:gsub("|.*", ""):gsub("%f[%w]FILE|?%f[%W]", "f"))
                -- A bare name, or a form with words in capitals, is no command to be typed.
                local is_form = command:find("^tiexec %S+$") or command:find("%[") or command:find("%u%u%u")
                    or command:find("&&", 1, true)
                local given, why = settings.from_arguments(words, options)
                assert.truthy(given or is_form, command .. ": " .. tostring(why))
            end)
        end)

        it(path .. ": its links lead to files and headings that there are", function()
            local folder = path:match("^(.*/)") or ""
            for target in text:gsub("\n```.-\n```", ""):gmatch("%]%(([^%s)]+)%)") do
                local name, anchor = target:match("^([^#]*)#?(.*)$")
                if not target:find("^%a+:") then
                    local there = name == "" and text or support.read_file(folder .. name)
                        or support.shell("test -d " .. folder .. name).code == 0 and ""
                    assert.truthy(there, target)
                    local found = anchor == ""
                    for heading in ("\n" .. there):gmatch("\n#+ ([^\n]+)") do
                        local own = heading:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-")
                        found = found or own == anchor
                    end
                    assert.is_true(found, path .. ": " .. target)
                end
            end
        end)
    end
end)

describe("README", function()
    local readme = support.read_file("README.md")

    it("has the figures of the documents that it names", function()
        local count = 0
        for figures, path in readme:gmatch("\n|[^|\n]+| ([^|\n]+) | %[%u+%]%(([^)#]+)[^)]*%) |") do
            local source = support.read_file(path)
            for figure in figures:gmatch("[−+]?%d[%d.]*") do
                local plain = figure:gsub("^%+", "")
                assert.truthy(source:find(plain, 1, true), path .. " has no " .. figure)
                count = count + 1
            end
        end
        assert.is_true(count > 12)
    end)

    it("has a picture on top, of the figures beside it", function()
        assert.truthy(readme:match("^[^\n]*\n.-%!%[[^%]]+%]%(docs/demo%.svg%)"):find("^[^#]*# tiexec\n[^#]*$"))
        local made = support.shell("lua5.4 tests/tools/picture.lua svg docs/demo.json")
        assert.equal(support.read_file("docs/demo.svg"), made.out, made.err)
    end)

    it("names no gain beside those", function()
        assert.is_nil(readme:find("%d+ to %d+ %% of"))
    end)

    it("has commands that run", function()
        for _, words in ipairs { "--version", "--help", "-n true", "--profiles", "--cache list", "--inspect all" } do
            assert.equal(0, support.shell(support.tiexec .. " " .. words).code)
        end
        for target in ("demo test deb tarball install uninstall"):gmatch("%S+") do
            assert.truthy(readme:find("make " .. target, 1, true), target)
            local said = support.shell("make -n -q " .. target .. " DESTDIR=/nonexistent 2>&1").out
            assert.is_nil(said:find("No rule", 1, true))
        end
    end)
end)

describe("TROUBLESHOOTING", function()
    local document = support.read_file("docs/TROUBLESHOOTING.md")
    local known = {} -- all messages that have a row, one behind the other
    for row in document:gmatch("\n| (`[^|]+) |") do
        for message in row:gmatch("`([^`]+)`") do known[#known + 1] = message end
    end
    local all_known = table.concat(known, "\n")

    -- How a format is written there: anything may stand for a value.
    local function written(format)
        return (format:gsub("%%[#.%d]*%a", "…"):gsub("%%%%", "%%"):gsub("\\n$", ""))
    end

    -- A text of sources without comments, its strings joined.
    local function source(command)
        return (support.shell(command).out:gsub("\n%s*%-%-[^\n]*", "\n"):gsub("\n%s*%-%-[^\n]*", "\n")
            :gsub('"%s*%.%.%s*"', ""))
    end

    it("has messages that tiexec has", function()
        local all = written(source("cat $(find scripts core -name '*.lua' -o -name '*.c')"))
        for _, message in ipairs(known) do
            for part in message:gsub("…", "\n"):gmatch("[^\n]+") do
                local words = part:match("^[:'%s]*(.-)[:'%s]*$")
                if #words > 3 then assert.truthy(all:find(words, 1, true), words) end
            end
        end
        assert.is_true(#known > 200)
    end)

    it("has each reason that has a code", function()
        for code, format in pairs(require "tiexec.base.codes".reasons) do
            assert.truthy(all_known:find(written(format), 1, true), code .. ": " .. format)
        end
    end)

    -- What begins a message, where it is said or handed to who says it.
    local beginnings <const> = { '[%w_]*say%(%s*%(?"([^"\n]*)"',
        'fail%(%s*%(?"([^"\n]*)"', 'fail%([^"\n]-, "([^"\n]*)"',
        'return nil, %(?"([^"\n]*)"', 'return false, %(?"([^"\n]*)"' }
    -- What is shown while something goes on, and what is asked for by --debug: no messages.
    local others <const> = { "%f[%w]timing: ", "%^C ends it early", "^warming up$", "^standard output$",
        "^the exit status$" }

    -- Calls a function with each message of more than a word that sources begin so.
    local function each_message(text, patterns, f)
        for _, pattern in ipairs(patterns) do
            for message in text:gmatch(pattern) do
                local is_other = select(2, message:gsub("%a%a+", "")) < 2
                for _, other in ipairs(others) do is_other = is_other or message:find(other) ~= nil end
                if not is_other then f(message) end
            end
        end
    end

    -- Adds to a list the messages of a source that have no row, each behind `name`. Gives how many there are in all.
    local function add_lacking(lacking, name, text, patterns)
        local count = 0
        each_message(text, patterns, function(message)
            count = count + 1
            local words = written(message):gsub("%s+$", "")
            if not all_known:find(words, 1, true) then lacking[#lacking + 1] = name .. ": " .. words end
        end)
        return count
    end

    it("has each message that is said, or returned to who says it", function()
        local folders = "base check compare inspect plan record remap service show sources start unit warm watch"
        local count, lacking = 0, {}
        for name in (folders .. " cli.lua"):gmatch("%S+") do
            local text = source(("cat $(find scripts/tiexec/%s -name '*.lua')"):format(name))
            count = count + add_lacking(lacking, name, text, beginnings)
        end
        assert.same({}, lacking)
        assert.is_true(count > 80)
    end)

    it("has each message of plans, and of what is known of processes", function()
        local returned = { 'return %(?"([^"\n]*)"', 'return nil, %(?"([^"\n]*)"' }
        local count, lacking = 0, {}
        for name in ("plan/validate plan/profile harness/observed harness/frozen harness/properties"):gmatch("%S+") do
            count = count + add_lacking(lacking, name, source(("cat scripts/tiexec/%s.lua"):format(name)), returned)
        end
        assert.same({}, lacking)
        assert.is_true(count > 15)
    end)
end)
