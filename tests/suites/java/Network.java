// SPDX-License-Identifier: Apache-2.0
// Sockets on the loopback: blocking ones, timeouts, selectors, closing while another thread waits.
import java.net.*;
import java.nio.ByteBuffer;
import java.nio.channels.*;
import java.util.concurrent.atomic.AtomicBoolean;

public class Network {
    static void echo() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            Thread thread = new Thread(() -> {
                try (Socket socket = server.accept()) { socket.getInputStream().transferTo(socket.getOutputStream()); }
                catch (java.io.IOException e) { }
            });
            thread.start();
            byte[] bytes = new byte[100_000], got;
            new java.util.Random(1).nextBytes(bytes);
            try (Socket socket = new Socket(server.getInetAddress(), server.getLocalPort())) {
                new Thread(() -> {
                    try { socket.getOutputStream().write(bytes); socket.shutdownOutput(); }
                    catch (java.io.IOException e) { }
                }).start();
                got = socket.getInputStream().readAllBytes();
            }
            thread.join();
            Test.is("echo", java.util.Arrays.equals(bytes, got));
            server.setSoTimeout(20);
            Test.is("a timeout", Test.throwsA(SocketTimeoutException.class, server::accept));
        }
    }

    static void closing() throws Exception {
        boolean right = true;
        for (int i = 0; i < 30; i++) {
            ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
            AtomicBoolean thrown = new AtomicBoolean();
            Thread thread = new Thread(() -> thrown.set(Test.throwsA(SocketException.class, server::accept)));
            thread.start();
            while (thread.getState() != Thread.State.RUNNABLE) Thread.onSpinWait();
            server.close();
            thread.join();
            right &= thrown.get();
        }
        Test.is("closing while another thread waits", right);
    }

    static void selectors() throws Exception {
        try (Selector selector = Selector.open()) {
            Pipe[] pipes = new Pipe[100];
            for (int i = 0; i < pipes.length; i++) {
                pipes[i] = Pipe.open();
                pipes[i].source().configureBlocking(false).register(selector, SelectionKey.OP_READ);
            }
            new Thread(() -> {
                for (Pipe pipe : pipes) {
                    try { pipe.sink().write(ByteBuffer.wrap(new byte[] { 1 })); } catch (java.io.IOException e) { }
                }
            }).start();
            int read = 0;
            while (read < pipes.length) {
                selector.select();
                for (SelectionKey key : selector.selectedKeys()) {
                    read += ((Pipe.SourceChannel) key.channel()).read(ByteBuffer.allocate(8));
                }
                selector.selectedKeys().clear();
            }
            long begun = System.nanoTime();
            selector.select(30);
            Test.is("selectors", read == 100 && System.nanoTime() - begun >= 29_000_000);
        }
    }

    public static void main(String[] words) throws Exception {
        echo();
        closing();
        selectors();
        Test.end();
    }
}
