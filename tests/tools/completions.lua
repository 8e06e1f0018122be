-- SPDX-License-Identifier: Apache-2.0
-- lua5.4 completions.lua bash|zsh|fish >FILE: makes what a shell completes, of the table of options.

package.path = "scripts/?.lua;scripts/?/init.lua;" .. package.path
local help = require "tiexec.help"
local options = require "tiexec.help.options"

local NOTE <const> = "# tiexec: made by tests/tools/completions.lua of scripts/tiexec/help/options.lua\n"

local function joined(list, separator) return table.concat(list or {}, separator or " ") end

-- The names by which an option is called.
local function names_of(option)
    local names = { "--" .. option.name }
    if option.short then table.insert(names, 1, "-" .. option.short) end
    return names
end

local function takes(option) return option.argument and not option.optional end

-- ---- bash ----

local bash <const> = [=[
# Completes the last word of a list whose words have commas between them.
_tiexec_list() {
    local before=
    [[ $cur == *,* ]] && before=${cur%%,*},
    mapfile -t COMPREPLY < <(compgen -P "$before" -W "$1" -- "${cur##*,}")
    compopt -o nospace
}

# Adds to what can be completed: the further arguments are compgen's.
_tiexec_add() {
    local more
    mapfile -t more < <(compgen "$@" -- "$cur")
    COMPREPLY+=("${more[@]}")
}

_tiexec_pids() { _tiexec_add -W "$(cd /proc && echo [0-9]*) $1"; }

# Completes the value of an option.
_tiexec_value() {
    case $1 in
@VALUES@
    esac
}

# Completes CMD and its arguments, which begin at a place.
_tiexec_command() {
    if declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)); then
        _tiexec_add -c
        [[ $cur == */* ]] && _tiexec_add -f
    else
        compopt -o filenames
        _tiexec_add -f
    fi
}

_tiexec() {
    local cur=${COMP_WORDS[COMP_CWORD]} i=1 word mode=
    COMPREPLY=()
    # The shell takes "=" for a word of its own.
    while ((i < COMP_CWORD)); do
        word=${COMP_WORDS[i]}
        if [[ $word == --?* && ${COMP_WORDS[i + 1]} == = ]]; then
            [[ $cur == = ]] && cur=
            if ((COMP_CWORD <= i + 2)); then
                _tiexec_value "$word"
                return
            fi
            i=$((i + 3))
            continue
        fi
        case $word in
        --attach | -a | --undo | --inspect) mode=$word ;;
        esac
        case $word in
        --)
            _tiexec_command $((i + 1))
            return
            ;;
        @TAKES@)
            if ((COMP_CWORD == i + 1)); then
                _tiexec_value "$word"
                return
            fi
            i=$((i + 2))
            ;;
        -*) i=$((i + 1)) ;;
        *)
            [[ -n $mode ]] || {
                _tiexec_command "$i"
                return
            }
            i=$((i + 1))
            ;;
        esac
    done
    case $cur in
    -*)
        _tiexec_add -W '@NAMES@'
        [[ ${#COMPREPLY[@]} == 1 && $COMPREPLY == *= ]] && compopt -o nospace
        ;;
    *) if [[ -n $mode ]]; then _tiexec_value "$mode"; else _tiexec_command "$i"; fi ;;
    esac
}

complete -F _tiexec tiexec
]=]

-- What completes a value in bash.
local function bash_value(option)
    local kinds = { file = "compopt -o filenames; _tiexec_add -f", user = "_tiexec_add -u", command = "_tiexec_add -c",
        process = [[_tiexec_add -W "$(cat /proc/[0-9]*/comm 2>/dev/null)"]],
        pid = ("_tiexec_pids '%s'"):format(joined(option.words)) }
    if option.list then return ("_tiexec_list '%s'"):format(joined(option.words)) end
    if option.kind == "pid" then return kinds.pid end
    local parts = {}
    if option.words then parts[1] = ("_tiexec_add -W '%s'"):format(joined(option.words)) end
    parts[#parts + 1] = kinds[option.kind]
    return joined(parts, "; ")
end

local function make_bash()
    local values, taking, names = {}, {}, {}
    for _, option in ipairs(options) do
        local calls = names_of(option)
        local value = option.argument and bash_value(option) or ""
        if value ~= "" then values[#values + 1] = ("    %s) %s ;;"):format(joined(calls, " | "), value) end
        if takes(option) then table.move(calls, 1, #calls, #taking + 1, taking) end
        names[#names + 1] = calls[#calls] .. (takes(option) and "=" or "")
    end
    local parts = { VALUES = joined(values, "\n"), TAKES = joined(taking, " | "), NAMES = joined(names) }
    return (bash:gsub("@(%u+)@", parts))
end

-- ---- zsh ----

local zsh <const> = [=[
_tiexec_pids() { compadd "$@" - /proc/<->(:t); }

# PIDs, where they may follow an option; else CMD, with what belongs to it.
_tiexec_operands() {
    if [[ -n ${all[(r)(--attach|-a|--undo|--inspect)]} ]]; then
        _tiexec_pids
    else
        _normal
    fi
}

_tiexec() {
    local all=("$words[@]")
    _arguments -s -S -A '-*' \
@OPTIONS@
        '*:::command:_tiexec_operands'
}

_tiexec "$@"
]=]

local function zsh_action(option)
    local kinds = { file = "_files", user = "_users", command = "_command_names -e", pid = "_tiexec_pids",
        process = "_process_names -a" }
    if option.list then return ("{_sequence compadd - %s}"):format(joined(option.words)) end
    if option.words and option.kind then
        return ("{compadd - %s; %s}"):format(joined(option.words), kinds[option.kind])
    end
    if option.words then return ("(%s)"):format(joined(option.words)) end
    return kinds[option.kind] or " "
end

local function make_zsh()
    local lines = {}
    for _, option in ipairs(options) do
        local calls, names = names_of(option), {}
        for i, name in ipairs(calls) do
            local sign = not option.argument and ""
                or #name == 2 and (option.optional and "-" or "+") or (option.optional and "=-" or "=")
            names[i] = name .. sign
        end
        local text = help.brief(option.name):gsub("[%[%]:]", "\\%0"):gsub("'", "'\\''")
        local value = option.argument
            and (option.optional and "::%s:%s" or ":%s:%s"):format(option.argument, zsh_action(option)) or ""
        local spec = ("'[%s]%s'"):format(text, value)
        lines[#lines + 1] = #names == 1 and ("        '(%s)'%s%s \\"):format(calls[1], names[1], spec)
            or ("        '(%s)'{%s}%s \\"):format(joined(calls), joined(names, ","), spec)
    end
    return "#compdef tiexec\n" .. zsh:gsub("@OPTIONS@", function() return joined(lines, "\n") end)
end

-- ---- fish ----

local fish <const> = [=[
# Completes the last word of a list whose words have commas between them.
function __tiexec_list
    set -l before (string match -r '^.*[,=]' -- (commandline -ct) | string replace -r '^--[a-z-]*=' '')
    for word in $argv
        echo "$before$word"
    end
end

# Whether PIDs follow an option.
function __tiexec_of_pids
    string match -qr '^(--attach|-a|--undo|--inspect)$' -- (commandline -opc)
end

complete -c tiexec -n 'not __tiexec_of_pids' -x -a '(__fish_complete_subcommand -- @TAKES@)'
complete -c tiexec -n __tiexec_of_pids -x -a '(__fish_complete_pids)'
]=]

local function fish_value(option)
    if option.list then return ("(__tiexec_list %s)"):format(joined(option.words)) end
    local kinds = { user = "(__fish_complete_users)", pid = "(__fish_complete_pids)",
        process = "(__fish_complete_proc)", command = "(__fish_complete_command)" }
    local parts = { joined(option.words), kinds[option.kind] }
    return (joined(parts):match("^%s*(.-)%s*$"))
end

local function make_fish()
    local lines, taking = {}, {}
    for _, option in ipairs(options) do
        local calls = names_of(option)
        if takes(option) then table.move(calls, 1, #calls, #taking + 1, taking) end
        local line = "complete -c tiexec -l " .. option.name
        if option.short then line = line .. " -s " .. option.short end
        -- Where the argument may be left out fish would take the next word for it.
        if option.argument then
            line = line .. (option.kind == "file" and " -r -F" or option.optional and " -f" or " -x")
            local value = fish_value(option)
            if value ~= "" then line = line .. (" -a '%s'"):format(value) end
        end
        local text = help.brief(option.name):gsub("[\\']", "\\%0")
        lines[#lines + 1] = line .. (" -d '%s'"):format(text)
    end
    return fish:gsub("@TAKES@", joined(taking)) .. joined(lines, "\n") .. "\n"
end

local text = assert(({ bash = make_bash, zsh = make_zsh, fish = make_fish })[arg[1]], "bash, zsh or fish")()
local first, rest = text:match("^(#compdef[^\n]*\n)(.*)$") -- zsh looks at the first line
io.stdout:write(first or "", NOTE, rest or text)
