-- SPDX-License-Identifier: Apache-2.0
-- README: each sentence that tells what is followed, told or counted has tests that check it (promises.lua).

local promises = dofile "tests/dist/promises.lua"
local sentences = require "tests.lib.sentences"
local support = require "tests.lib.support"

-- What such sentences are known by, in small letters.
local about <const> = {
    followed = { "follow", "watch", "%f[%a]traces?%f[%W]", "becomes?%f[%W]", "starts?%f[%W]",
        "%f[%a]loads?%f[%W]", "loaded",
        "what is left", "out of the way", "is meant", "process that you started" },
    told = { "%f[%a]says?%f[%W]", "tells?%f[%W]", "%f[%a]told", "v names", "shows?%f[%W]", "account for", "explain",
        "reports?%f[%W]", "reason", "one line", "as a table", "strict", "quiet", "inspect", "check "
        .. "node", "check %-%-probe",
        "compare%f[%W]", "record cmd" },
    counted = { "count", "pages%f[%W].*%d%f[%W].*pages", "%%", "measure", "%d ms%f[%W]", "picture is", "beside plain",
        "20%.000" },
}
-- Sentences with such words that speak of something else.
local others <const> = { "^tiexec --script FILE", "^libhugetlbfs", "^The copies of shared", "^Both first install",
    "^On Debian 12 or 13" }

local function is_of(sentence, patterns)
    for _, pattern in ipairs(patterns) do
        if sentence:lower():find(pattern) then return true end
    end
    return false
end

-- The theme of a sentence, or nil.
local function theme_of(sentence)
    for _, pattern in ipairs(others) do
        if sentence:find(pattern) then return nil end
    end
    for _, theme in ipairs { "followed", "told", "counted" } do
        if is_of(sentence, about[theme]) then return theme end
    end
end

local readme = sentences.of(support.read_file("README.md"))

-- Whether a file of specs has a test of that name, as far as that is written in one piece.
local function has_test(spec, name)
    local text = support.read_file(("tests/%s_spec.lua"):format(spec)):gsub('"%s*%.%.%s*"', "")
    for before in text:gmatch(('([^\n]*)"%s"'):format(name:gsub("%p", "%%%0"))) do
        if before:find("it%(") or before:find("it%(.*%.%.%s*$") or before:find("%[$") then return true end
    end
    return false
end

-- Whether what is named is there.
local function is_there(named)
    local target = named:match("^make ([%w-]+)$")
    if target then return support.shell("make -n -q " .. target .. " 2>&1").out:find("No rule", 1, true) == nil end
    local document, words = named:match("^(docs/%u+%.md): (.+)$")
    if document then return (support.read_file(document) or ""):find(words, 1, true) ~= nil end
    local spec, name = named:match("^(%l+/[%l_]+): (.+)$")
    return has_test(assert(spec, named), name)
end

describe("README:", function()
    it("each sentence about what is followed, told or counted names its tests", function()
        local lacking, count = {}, 0
        for _, sentence in ipairs(readme) do
            local theme = theme_of(sentence)
            if theme then count = count + 1 end
            if theme and not promises[sentence] then lacking[#lacking + 1] = theme .. ": " .. sentence end
        end
        assert.same({}, lacking)
        assert.is_true(count > 50, count)
    end)

    it("has each sentence that is said to be checked", function()
        local there, gone = {}, {}
        for _, sentence in ipairs(readme) do there[sentence] = true end
        for sentence in pairs(promises) do
            if not there[sentence] then gone[#gone + 1] = sentence end
        end
        assert.same({}, gone)
    end)

    it("the tests that are named are there", function()
        local lacking, unchecked = {}, 0
        for sentence, list in pairs(promises) do
            if type(list) == "string" then unchecked = unchecked + 1 end
            assert.is_true(#list > 0, sentence)
            for _, named in ipairs(type(list) == "table" and list or {}) do
                if not is_there(named) then lacking[#lacking + 1] = named end
            end
        end
        assert.same({}, lacking)
        assert.is_true(unchecked <= 3)
    end)

    it("a test, a figure or a target that is not there would be seen", function()
        for _, named in ipairs { "dist/promises: is found in paragraphs", "dist/promises: counted",
            "docs/COST.md: 99.99 ms", "make nothing-of-that-name" } do
            assert.is_false(is_there(named), named)
        end
        assert.is_true(is_there("dist/promises: is known by its words"))
    end)
end)

describe("a sentence", function()
    it("is found in paragraphs, items, rows and remarks on code", function()
        assert.same({ "It is one.", "x no", "--x says so, see here.", "Two lines.", "| a | b |", "tiexec x # told" },
            sentences.of([[
# No heading
It is **one**. `x` no

- `--x` says so,
  see [here](there.md). Two
  lines.

| a | b |
|---|---|
```
tiexec x # told
no remark
```
]]))
    end)

    it("is known by its words", function()
        assert.equal("followed", theme_of("What it starts is remapped."))
        assert.equal("told", theme_of("One line says why."))
        assert.equal("counted", theme_of("It is 90 % less."))
        assert.is_nil(theme_of("No file is changed."))
    end)
end)
