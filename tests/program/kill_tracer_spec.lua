-- SPDX-License-Identifier: Apache-2.0
-- The tracer is killed, or one of its calls fails, at every step. The program runs as it would by itself, or it
-- is gone with the tracer; it is never wrong, and never stays stopped.

local support = require "tests.lib.support"

local ample, ample_static = support.programs .. "ample", support.programs .. "ample_static"

-- Runs the program under tiexec and strikes the Nth call of the tracer, for all N from 1 on, until the tracer has no
-- such call. Two run at a time, in one shell. Prints lines: N, the call, exit status, what became of the program.
local STEP <const> = support.patience > 1 and 97 or 1 -- of calls only every nth where things take long
local script <const> = [[
export dir=$1 tiexec=$2 library=$3 error=$4 step=$5
shift 5
export limit=$((60 * ${TIEXEC_PATIENCE:-1}))
timeout -s KILL $limit "$@" >"$dir/plain"
export plain=$?
one() {
    n=$1; shift
    begun=$SECONDS
    KILLER_RUN=$dir KILLER_AT=$n KILLER_ERROR=$error KILLER_LOG=$dir/log$n LD_PRELOAD=$library \
        ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0 \
        timeout -s KILL $limit "$tiexec" -s aggressive "$@" >"$dir/out$n" 2>"$dir/err$n"
    code=$?
    fate=wrong
    [ $code -gt 128 ] && [ ! -s "$dir/out$n" ] && fate=gone
    [ "$code $error" = "137 3" ] && fate=gone # killed on its own account, when let go already
    [ $code = $plain ] && cmp -s "$dir/plain" "$dir/out$n" && fate=right
    [ $((SECONDS - begun)) -ge $((limit - 1)) ] && fate=hung
    [ "$(wc -l <"$dir/err$n")" -le 1 ] || fate=talkative
    grep -q '^tiexec: .*\(internal error\|traceback\)' "$dir/err$n" && fate=internal-error
    echo "$n $(cat "$dir/log$n" 2>/dev/null || echo none) $code $fate"
    rm -f "$dir/out$n" "$dir/err$n"
}
export -f one
for from in $(seq 1 50 5000); do
    seq $from $step $((from + 49)) | xargs -P 2 -I N bash -c 'one "$@"' - N "$@" 2>/dev/null | tee "$dir/batch"
    grep -q ' none ' "$dir/batch" && break
done
exit 0
]]

-- Processes that carry the mark of this run in their environment: zombies have none.
local function marked(path) return support.processes_with("KILLER_RUN", path) end

-- What may become of the program when the tracer's `call` is struck.
local function allowed(error, call)
    if call == "none" then return "right" end
    -- The program was killed (ESRCH), or had ended by itself after the tracer had let it go.
    if error == 3 then return "gone or right" end
    -- A tracer that cannot trace or wait may lose the program. No other failure excuses that.
    if error == 0 or call == "ptrace" or call:find("^wait") then return "right or gone" end
    return "right"
end

-- Gives a list of what went wrong, how many programs met each fate, and the processes that are left.
local function run(command, error)
    local folder <close> = support.folder()
    support.write_file(folder.path .. "/script", script)
    local result = support.run { "bash", folder.path .. "/script", folder.path, support.dynamic_tiexec,
        support.programs .. "killer", tostring(error), tostring(STEP), command, "x" }
    local bad, counts = {}, { right = 0, gone = 0, none = 0 }
    for n, call, code, fate in result.out:gmatch("(%d+) (%S+) (%d+) (%S+)\n") do
        if not allowed(error, call):find(fate, 1, true) then
            bad[#bad + 1] = ("call %s, %s: %s, exit status %s"):format(n, call, fate, code)
        end
        local key = call == "none" and call or fate
        counts[key] = (counts[key] or 0) + 1
    end
    support.wait_for(function() return #marked(folder.path) == 0 end)
    return bad, counts, marked(folder.path)
end

local strokes = {
    { command = ample, name = "SIGKILL of the tracer: the program is right or gone", error = 0 },
    { command = ample_static, name = "SIGKILL of the tracer: the program is right or gone", error = 0 },
    { command = ample, name = "SIGKILL of the program: the tracer ends", error = 3 }, -- ESRCH
    { command = ample, name = "EPERM: the program is right", error = 1 },
    { command = ample, name = "ENOMEM: the program is right", error = 12 },
}

describe("at every call of the tracer of", function()
    for _, stroke in ipairs(strokes) do
        it(("%s, %s"):format(stroke.command:match("[^/]*$"), stroke.name), function()
            local bad, counts, left = run(stroke.command, stroke.error)
            io.stdout:write(("[%d right, %d gone]\n"):format(counts.right, counts.gone))
            assert.same({}, bad)
            assert.same({}, left)
            assert.is_true(counts.none > 0) -- the last run had no call left to strike
            assert.is_true(counts.right + counts.gone > 40 // STEP)
            if stroke.error == 3 then assert.is_true(counts.gone > 100 // STEP) end
        end)
    end
end)
