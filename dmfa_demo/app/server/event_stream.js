// Ends each stream of answers with the messages that Gradio's client needs to open the next one: when a stream breaks off, the client
// would otherwise take it for open and wait for answers forever.
{
    const END = new TextEncoder().encode([
        { msg: "broken_connection", message: "Connection errored out." },  // to the requests without an answer
        { msg: "close_stream" },
    ].map((message) => `data: ${JSON.stringify(message)}\n\n`).join(""));
    const fetched = window.fetch;

    function ended(reader) {
        return new ReadableStream({
            async pull(controller) {
                const { done, value } = await reader.read().catch(() => ({ done: true }));
                controller.enqueue(done ? END : value);
                if (done) controller.close();
            },
            cancel: (reason) => reader.cancel(reason),
        });
    }

    window.fetch = async (request, options) => {
        if (!(request instanceof Request) || !new URL(request.url).pathname.endsWith("/queue/data")) return fetched(request, options);
        const answer = await fetched(request, options).catch(() => new Response(null, { status: 503 }));
        const body = answer.ok && answer.body ? answer.body : new Blob([]).stream();
        return new Response(ended(body.getReader()), { headers: { "Content-Type": "text/event-stream" } });
    };
}
