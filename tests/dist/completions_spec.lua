-- SPDX-License-Identifier: Apache-2.0
-- What bash, zsh and fish complete, as they do it themselves.

local options = require "tiexec.help.options"
local support = require "tests.lib.support"

assert(support.shell("make -s pages").code == 0)
local FOLDER <const> = "build/completions/"

local function words_of(text)
    local words = {}
    for word in text:gmatch("[^\n]+") do words[word:match("^[^\t]+")] = true end
    return words
end

local shells = {}

-- bash divides the line at "=" before it asks.
function shells.bash(line)
    local script = [=[source "$1"; read -ra COMP_WORDS <<<"${2//=/ = }"
        [[ $2 == *[\ ] ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); compopt() { :; }; _tiexec; printf '%s\n' "${COMPREPLY[@]}"]=]
    return words_of(support.run { "bash", "-c", script, "bash", FOLDER .. "tiexec.bash", line }.out)
end

-- zsh completes in a terminal alone. What there is to choose from is caught where it is added.
function shells.zsh(line)
    local script = [=[
zmodload zsh/zpty
inner() {
    found=$2 fpath=($1 $fpath) PS1=
    autoload -Uz compinit && compinit -D -u
    compadd() {
        if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)* ]]; then
            local -a matches
            builtin compadd -O matches "$@"
            print -rl -- $matches >>$found
        fi
        builtin compadd "$@"
    }
    finish() { : >$found.end; exit }
    zle -N finish && bindkey '^T' finish
}
zpty -b shell zsh -f -i
zpty -w shell "$(functions inner); inner $1 $3"
zpty -w -n shell "$2"$'\t\x14'
for i in {1..300}; do
    [[ -e $3.end ]] && break
    zpty -r -t shell >/dev/null
    sleep 0.1
done
cat $3
]=]
    local folder <close> = support.folder()
    local here = support.shell("pwd").out:match("%S+") .. "/"
    return words_of(support.run { "zsh", "-f", "-c", script, "zsh", here .. FOLDER, line, folder.path .. "/found" }.out)
end

function shells.fish(line)
    local script = "source $argv[1]; complete -C $argv[2]"
    return words_of(support.run { "fish", "-N", "-c", script, FOLDER .. "tiexec.fish", line }.out)
end

-- Where a shell gives the whole word, with the option in it.
local function has(words, value, before)
    return words[value] or words[(before or "") .. value]
end

for name, complete in pairs(shells) do
    local function test(what, check)
        it(name .. ": " .. what, function()
            if support.shell("command -v " .. name).code ~= 0 then return pending("no " .. name) end
            check()
        end)
    end

    describe("completion in", function()
        test("all options", function()
            local words = complete "tiexec --"
            for _, option in ipairs(options) do
                local long = "--" .. option.name
                assert.truthy(words[long] or words[long .. "="], long)
            end
        end)

        test("the beginning of an option", function()
            local words = complete "tiexec --str"
            assert.truthy(has(words, "--strict"))
            assert.truthy(words["--strategy"] or words["--strategy="])
            assert.is_nil(words["--sources"])
        end)

        test("values, after = and as a word of their own", function()
            assert.truthy(has(complete "tiexec --recache=", "if-unmapped", "--recache="))
            local words = complete "tiexec --cache "
            for _, value in ipairs { "list", "prune", "clear" } do assert.truthy(words[value], value) end
            assert.truthy((complete "tiexec -s con")["conservative"])
            assert.truthy(has(complete "tiexec --help=str", "strategy", "--help="))
        end)

        test("lists", function()
            assert.truthy(has(complete "tiexec --sources fi", "file"))
            local words = complete "tiexec --sources file,h"
            assert.truthy(has(words, "hugetlb", "file,"))
        end)

        test("process ids", function()
            assert.truthy((complete "tiexec --attach ")[tostring(require "tiexec.core".getpid())])
        end)

        test("CMD, after options", function()
            assert.truthy((complete "tiexec -v --sources thp tru")["true"])
            assert.truthy((complete "tiexec -- tru")["true"])
        end)
    end)
end
