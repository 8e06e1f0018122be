// SPDX-License-Identifier: Apache-2.0
// Signals that the JVM handles, and how it ends by them.
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicInteger;

public class Signals {
    @SuppressWarnings("removal")
    static void handled() throws Exception {
        AtomicInteger got = new AtomicInteger();
        for (String name : new String[] { "HUP", "WINCH", "USR2", "INT", "TERM" }) {
            Semaphore arrived = new Semaphore(0);
            boolean can = true;
            try {
                sun.misc.Signal.handle(new sun.misc.Signal(name), signal -> { got.incrementAndGet(); arrived.release(); });
            } catch (IllegalArgumentException e) {
                can = false; // the JVM's own
            }
            boolean right = true;
            for (int i = 0; can && i < 20; i++) {
                sun.misc.Signal.raise(new sun.misc.Signal(name));
                right &= arrived.tryAcquire(30, TimeUnit.SECONDS);
                Test.run("kill", "-" + name, String.valueOf(ProcessHandle.current().pid()));
                right &= arrived.tryAcquire(30, TimeUnit.SECONDS);
            }
            Test.is(name, right);
        }
    }

    static void child(String signal, int status) throws Exception {
        Process process = new ProcessBuilder(System.getProperty("java.home") + "/bin/java", "-XX:-CreateCoredumpOnCrash",
            "-XX:+SuppressFatalErrorMessage", "-cp", System.getProperty("java.class.path"), "Signals", "child").start();
        var reader = process.inputReader();
        String ready = reader.readLine();
        Test.run("kill", "-" + signal, String.valueOf(process.pid()));
        StringBuilder rest = new StringBuilder();
        for (String line; (line = reader.readLine()) != null;) rest.append(line);
        boolean hook = !signal.equals("TERM") && !signal.equals("HUP") || rest.toString().contains("hook");
        Test.is("ended by " + signal, "ready".equals(ready) && process.waitFor() == status && hook);
    }

    static void dump() throws Exception {
        Process process = new ProcessBuilder(System.getProperty("java.home") + "/bin/java", "-cp",
            System.getProperty("java.class.path"), "Signals", "child").start();
        var reader = process.inputReader();
        reader.readLine();
        Test.run("kill", "-QUIT", String.valueOf(process.pid()));
        boolean found = false;
        for (String line; !found && (line = reader.readLine()) != null;) found = line.contains("Signals.main");
        process.destroyForcibly().waitFor();
        Test.is("threads are shown at QUIT", found);
    }

    public static void main(String[] words) throws Exception {
        if (words.length > 0) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
            System.out.println("ready");
            Thread.sleep(600_000);
        }
        handled();
        child("TERM", 143);
        child("HUP", 129);
        child("KILL", 137);
        child("SEGV", 1);
        dump();
        Test.end();
    }
}
