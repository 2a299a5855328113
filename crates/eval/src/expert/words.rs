//! The expert's phrases, in English and Chinese. `{…}` are filled in; which phrase is taken follows from the seed.
//!
//! Questions bring their own question mark, so templates that end in `{q}` have no full stop.

use super::say::Language;
use astra_protocol::seeded_rng;
use rand_chacha::rand_core::Rng;

/// What a phrase is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// One call settles everything.
    Only,
    /// The first call of several.
    First,
    /// A later call.
    Next,
    /// Calls that go out together.
    Together,
    /// A question with its answer.
    Found,
    /// A result without a usable question.
    Returned,
    /// A change that went through.
    Changed,
    /// A call about which there is no usable question.
    Use,
    /// A change about to be made.
    Change,
    /// An injected failure, once.
    Retry,
    /// The same call failed again.
    RetryAgain,
    /// The call before was rejected as it was wrong.
    Corrected,
    /// Too many failures in a row.
    GiveUp,
    /// Too many rejected calls in a row.
    Stuck,
    /// Arithmetic between results and an argument.
    Computed,
    /// A choice between results.
    Chosen,
    /// Common knowledge between a result and an argument.
    Known,
    /// Nothing is missing.
    Complete,
    /// The answer is a text.
    AnswerText,
    /// The answer is a number.
    AnswerNumber,
    /// The answer is yes or no.
    AnswerTruth,
    /// The answer is a date.
    AnswerDate,
    /// The answer has several parts.
    AnswerMany,
    /// The requested changes were made.
    Done,
    /// Thinking about a request that cannot be met.
    Lacking,
    /// Saying so.
    Refuse,
}

/// A voice with a seed: the same episode always says the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    pub(super) language: Language,
    pub(super) seed: u64,
    pub(super) turn: usize,
}

impl Voice {
    /// A phrase for `slot`; `ordinal` tells several of one turn apart.
    pub(super) fn say(&self, slot: Slot, ordinal: usize, fill: &[(&str, &str)]) -> String {
        let phrases = match self.language {
            Language::English => english(slot),
            Language::Chinese => chinese(slot),
        };
        let mut rng = seeded_rng(self.seed, &format!("expert {} {slot:?} {ordinal}", self.turn));
        let at = usize::try_from(rng.next_u64() % phrases.len().max(1) as u64).unwrap_or(0);
        filled(phrases.get(at).copied().unwrap_or_default(), fill)
    }

    /// Sentences in a row.
    pub(super) fn join(&self, sentences: &[String]) -> String {
        let space = match self.language {
            Language::English => " ",
            Language::Chinese => "",
        };
        sentences.iter().map(|sentence| sentence.trim()).collect::<Vec<_>>().join(space)
    }
}

/// A template with its places filled in one pass, so that a value with braces in it is not filled again.
fn filled(template: &str, fill: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let Some(length) = rest.find('}') else { break };
        let name = &rest[1..length];
        out.push_str(fill.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
        rest = &rest[length + 1..];
    }
    out + rest
}

#[expect(clippy::too_many_lines, reason = "a table of phrases, exhaustive over the slots")]
fn english(slot: Slot) -> &'static [&'static str] {
    match slot {
        Slot::Only => &[
            "One look-up settles this: {q}",
            "The whole request comes down to one question: {q}",
            "I need a single fact here: {q}",
            "This takes one call. {q}",
        ],
        Slot::First => &[
            "The rest hangs on this, so it comes first: {q}",
            "I start with what the other steps need: {q}",
            "First things first: {q}",
            "Before anything else I have to find out: {q}",
        ],
        Slot::Next => &[
            "Next: {q}",
            "With that I can go on: {q}",
            "That leads to the next step: {q}",
            "What I need now: {q}",
        ],
        Slot::Together => &[
            "None of these needs another's result, so I ask for them together. {q}",
            "These can go out at the same time. {q}",
            "I can settle these side by side: {q}",
            "There is no order among these, so one turn is enough. {q}",
        ],
        Slot::Found => {
            &["{q} It is {v}.", "{q} The result says {v}.", "Settled: {q} – {v}.", "{q} Answer: {v}."]
        }
        Slot::Returned => &[
            "`{tool}` gave {v}.",
            "I now have {v} from `{tool}`.",
            "The result of `{tool}` is in: {v}.",
            "From `{tool}`: {v}.",
        ],
        Slot::Changed => &[
            "The change through `{tool}` went in.",
            "`{tool}` did its part.",
            "`{tool}` confirms the change.",
            "That change is made (`{tool}`).",
        ],
        Slot::Use => &[
            "I call `{tool}` with {a}.",
            "`{tool}` is the tool for it, with {a}.",
            "For this I use `{tool}` ({a}).",
            "`{tool}` can tell me, given {a}.",
        ],
        Slot::Change => &[
            "I make the change with `{tool}`: {a}.",
            "Here something is changed, so it goes alone: `{tool}` with {a}.",
            "The change itself: `{tool}`, {a}.",
            "This call changes something, one at a time then: `{tool}` with {a}.",
        ],
        Slot::Retry => &[
            "`{tool}` was unavailable for a moment. The call itself was right, so I repeat it unchanged.",
            "The failure of `{tool}` looks temporary; I send the same call again.",
            "The service behind `{tool}` did not answer. I try once more with the same arguments.",
            "`{tool}` failed for reasons that have nothing to do with my arguments, so I retry.",
        ],
        Slot::RetryAgain => &[
            "`{tool}` is still unavailable. I keep trying for a while.",
            "Again no answer from `{tool}`; one more attempt.",
            "`{tool}` failed again with the same temporary error, so I repeat the call.",
            "Still nothing from `{tool}`. The error asks me to try again, and I do.",
        ],
        Slot::Corrected => &[
            "That call was wrong: it did not follow the tool's description. I put it right.",
            "The call was rejected, and rightly so. I look at the tool's description again.",
            "My mistake: tool name and arguments have to be exactly as described.",
            "The error says what was wrong with the call, so I correct it.",
        ],
        Slot::Stuck => &[
            "I am sorry, but my calls of `{tool}` were rejected again, so I cannot give a reliable answer.",
            "I could not get `{tool}` to accept my calls. Without its result I had better not answer.",
            "My calls of `{tool}` do not go through, and I will not guess what they would have said.",
            "I stop here: `{tool}` has rejected my calls, and without it I do not know the answer.",
        ],
        Slot::GiveUp => &[
            "I am sorry: `{tool}` stayed unavailable through many attempts, so I could not finish this.",
            "I could not finish: `{tool}` failed every time I tried. Please ask again later.",
        ],
        Slot::Computed => &["I work it out: {c}.", "That makes {c}.", "{c}.", "By calculation, {c}."],
        Slot::Chosen => &[
            "Comparing {s}, {n}: {v}.",
            "Between {s} I take {n}, so {v}.",
            "{s} side by side: {n} is what counts, hence {v}.",
            "The comparison of {s} decides it ({n}): {v}.",
        ],
        Slot::Known => &[
            "{s}: {n} is {v}.",
            "From {s} follows {n}: {v}.",
            "No tool is needed for {n} of {s}: {v}.",
            "I know {n} for {s}: {v}.",
        ],
        Slot::Complete => &[
            "That is everything the request needs.",
            "Nothing is missing now, so I can answer.",
            "All parts are there; time to answer.",
            "This completes it.",
        ],
        Slot::AnswerText => {
            &["It is {v}.", "The answer is {v}.", "According to the records it is {v}.", "I found: {v}."]
        }
        Slot::AnswerNumber => {
            &["It is {v}.", "That comes to {v}.", "The answer is {v}.", "The figure is {v}."]
        }
        Slot::AnswerTruth => &["The answer is {v}.", "In short: {v}."],
        Slot::AnswerDate => {
            &["It is {v}.", "The date is {v}.", "The answer is {v}.", "The date you need is {v}."]
        }
        Slot::AnswerMany => &[
            "Here is what I found: {v}.",
            "The answer: {v}.",
            "These are the results: {v}.",
            "According to the records: {v}.",
        ],
        Slot::Done => &[
            "I have done what you asked.",
            "The changes are made.",
            "Done as requested.",
            "Everything you asked for is in place.",
        ],
        Slot::Lacking => &[
            "I go through the tools: none of them gives what this request needs. Guessing would not help.",
            "The tools on offer do not reach the information that is asked for, so a call would lead nowhere.",
            "A piece of information is missing that no tool here provides. The honest reply is to say so.",
            "Before calling anything I check whether the tools can get there at all. They cannot.",
        ],
        Slot::Refuse => &[
            "I cannot answer this with the tools I have. You asked: “{q}” None of them provides that information, \
             and I would rather not guess.",
            "I am sorry, but the tools at hand do not cover this: “{q}” Without that information I can give no \
             reliable answer.",
            "This part cannot be found out here: “{q}” No tool that I have gives access to it, so I leave it open.",
            "None of the available tools can tell me what you want to know (“{q}”), so I have to pass on it.",
        ],
    }
}

#[expect(clippy::too_many_lines, reason = "a table of phrases, exhaustive over the slots")]
fn chinese(slot: Slot) -> &'static [&'static str] {
    match slot {
        Slot::Only => {
            &["查一次就够了：{q}", "整个问题归结为一点：{q}", "只缺一个信息：{q}", "一次调用就能解决。{q}"]
        }
        Slot::First => {
            &["后面的步骤都取决于它，所以先查：{q}", "先弄清前提：{q}", "第一步：{q}", "首先要知道：{q}"]
        }
        Slot::Next => &["接下来：{q}", "有了这个就能继续：{q}", "下一步要查：{q}", "现在需要知道：{q}"],
        Slot::Together => &[
            "这几项互不依赖，可以一起查。{q}",
            "下面这些可以同时进行：{q}",
            "它们之间没有先后，一次发出即可。{q}",
            "彼此无关的几件事，并行处理：{q}",
        ],
        Slot::Found => &["{q}结果是{v}。", "{q}查到的是{v}。", "{q}答案：{v}。", "这一步清楚了：{q}{v}。"],
        Slot::Returned => &[
            "`{tool}` 返回了{v}。",
            "从 `{tool}` 得到{v}。",
            "`{tool}` 的结果：{v}。",
            "拿到了 `{tool}` 的结果：{v}。",
        ],
        Slot::Changed => &[
            "`{tool}` 的修改已生效。",
            "`{tool}` 已完成。",
            "`{tool}` 确认已改好。",
            "这处修改已经做好（`{tool}`）。",
        ],
        Slot::Use => &[
            "调用 `{tool}`，{a}。",
            "用 `{tool}` 查，{a}。",
            "这一步用 `{tool}`（{a}）。",
            "`{tool}` 可以查到，参数是{a}。",
        ],
        Slot::Change => &[
            "用 `{tool}` 进行修改：{a}。",
            "这一步会改动数据，单独执行：`{tool}`，{a}。",
            "现在做修改：`{tool}`，{a}。",
            "涉及写入，一次只做一件：`{tool}`，{a}。",
        ],
        Slot::Retry => &[
            "`{tool}` 暂时不可用，调用本身没有问题，原样再试一次。",
            "`{tool}` 的失败看起来是暂时的，重新发送同样的调用。",
            "`{tool}` 的服务没有响应，用相同的参数再试。",
            "`{tool}` 出错与参数无关，重试即可。",
        ],
        Slot::RetryAgain => &[
            "`{tool}` 仍然不可用，继续重试。",
            "`{tool}` 又没有响应，再试一次。",
            "`{tool}` 还是同样的临时错误，重复这次调用。",
            "`{tool}` 依旧没有结果，按提示再试。",
        ],
        Slot::Corrected => &[
            "刚才的调用有误，与工具说明不符，改正后重新调用。",
            "调用被拒绝，是我写错了，再看一遍工具说明。",
            "工具名和参数必须与说明完全一致，我来更正。",
            "错误信息指出了问题所在，修正这次调用。",
        ],
        Slot::Stuck => &[
            "很抱歉，我对 `{tool}` 的调用再次被拒绝，无法给出可靠的答案。",
            "我的调用始终没有被 `{tool}` 接受，没有它的结果，还是不作回答为好。",
            "`{tool}` 的调用没有成功，我不愿猜测结果。",
            "到此为止：`{tool}` 拒绝了我的调用，没有它我无法得知答案。",
        ],
        Slot::GiveUp => &[
            "很抱歉，`{tool}` 多次重试仍不可用，这次没能完成。",
            "没能完成：`{tool}` 每次都失败，请稍后再问。",
        ],
        Slot::Computed => &["算一下：{c}。", "由此得到 {c}。", "计算：{c}。", "也就是 {c}。"],
        Slot::Chosen => &[
            "比较{s}，{n}，选{v}。",
            "把{s}放在一起看，{n}，所以是{v}。",
            "对比{s}之后确定（{n}）：{v}。",
            "{s}相比，{n}，取{v}。",
        ],
        Slot::Known => &[
            "由{s}可知{n}：{v}。",
            "{s}对应的{n}是{v}。",
            "{n}不用工具也知道：{s}是{v}。",
            "从{s}推出{n}为{v}。",
        ],
        Slot::Complete => &[
            "需要的信息都齐了。",
            "没有缺的了，可以回答。",
            "各部分都已查清，可以作答。",
            "到这里就完整了。",
        ],
        Slot::AnswerText => &["是{v}。", "答案是{v}。", "查到的结果是{v}。", "根据记录，是{v}。"],
        Slot::AnswerNumber => &["是{v}。", "答案是{v}。", "结果是{v}。", "查到的数字是{v}。"],
        Slot::AnswerTruth => &["答案是：{v}。", "结论：{v}。"],
        Slot::AnswerDate => &["是{v}。", "日期是{v}。", "答案是{v}。", "查到的日期是{v}。"],
        Slot::AnswerMany => &["结果如下：{v}。", "答案：{v}。", "查到的是：{v}。", "根据记录：{v}。"],
        Slot::Done => &["已按您的要求办好。", "修改已经完成。", "您要求的都做好了。", "事情已经办妥。"],
        Slot::Lacking => &[
            "逐个看了工具，没有一个能给出这个请求需要的信息，猜测没有意义。",
            "现有工具查不到所问的内容，调用也不会有结果。",
            "缺少一项任何工具都给不出的信息，应当如实说明。",
            "先看工具能不能查到，结论是不能。",
        ],
        Slot::Refuse => &[
            "用现有的工具查不到您问的“{q}”，没有这项信息我不能随便猜。",
            "很抱歉，手头的工具都不提供这方面的信息：“{q}”因此无法给出可靠的答案。",
            "您想知道的“{q}”现在没有工具可以查到，我先不作答。",
            "这里的工具都给不出“{q}”所需的信息，所以我无法回答。",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_once() {
        assert_eq!(filled("{q} It is {v}.", &[("q", "A {v}?"), ("v", "b")]), "A {v}? It is b.");
        assert_eq!(filled("no places, an open {brace", &[]), "no places, an open {brace");
    }

    #[test]
    fn phrases_vary_with_the_seed_and_repeat_with_it() {
        let voice = |seed| Voice { language: Language::English, seed, turn: 0 };
        let said: std::collections::BTreeSet<String> =
            (0..40).map(|seed| voice(seed).say(Slot::Next, 0, &[("q", "x?")])).collect();
        assert_eq!(said.len(), english(Slot::Next).len());
        assert_eq!(voice(3).say(Slot::Next, 1, &[]), voice(3).say(Slot::Next, 1, &[]));
    }
}
