//! What stands around a request: a greeting, why it is asked, what it is for, thanks.
//!
//! Each part is a whole sentence that fits any tables and any answer, and each may be missing. Backgrounds speak before
//! the request and never introduce a row; purposes speak after it and never ask for more. 您 is said only by those who
//! say it in the request itself.

use super::Register;
use crate::draw::Draw;

/// What the frame may talk about.
pub(super) struct Topic<'a> {
    /// The kind of row that the request starts from.
    pub(super) noun: &'a str,
    /// What the tables are about.
    pub(super) title: Option<&'a str>,
    pub(super) register: Register,
}

/// The request in its frame.
pub(super) fn around(core: &str, topic: &Topic, draw: &mut Draw) -> String {
    let (greets, explains, closes) = match topic.register {
        Register::Short => (5, 20, 10),
        Register::Plain => (20, 55, 40),
        Register::Polite => (60, 60, 45),
        Register::Chatty => (35, 70, 45),
    };
    let mut text = String::new();
    if draw.percent(greets) {
        text.push_str(one_of(greetings(topic.register), draw));
    }
    let explained = draw.percent(explains);
    if explained {
        text.push_str(&background(topic, draw));
    }
    text.push_str(core);
    if draw.percent(closes) {
        // A second word about the subject would repeat the background.
        text.push_str(&purpose(topic, explained, draw));
    }
    if draw.percent(closes / 2) {
        text.push_str(one_of(thanks(topic.register), draw));
    }
    text
}

/// Something that is to be done, in its frame: what is behind it at work, never a question that somebody asked.
pub(super) fn around_errand(core: &str, noun: &str, register: Register, draw: &mut Draw) -> String {
    let (greets, explains, closes) = match register {
        Register::Short => (5, 10, 10),
        Register::Plain => (20, 45, 20),
        Register::Polite => (60, 55, 40),
        Register::Chatty => (35, 60, 35),
    };
    let mut text = String::new();
    if draw.percent(greets) {
        // These ask for nothing, so that a request can follow.
        text.push_str(match register {
            Register::Short => "在吗？",
            Register::Plain => one_of(&["你好！", "打扰一下。"], draw),
            Register::Polite => one_of(&["您好！", "不好意思打扰您了。", "冒昧打扰一下。"], draw),
            Register::Chatty => one_of(&["嗨！", "又来麻烦你啦。", "急急急！"], draw),
        });
    }
    if draw.percent(explains) {
        let behind = match (register, draw.below(6)) {
            (Register::Short, _) => "赶时间。".to_owned(),
            (Register::Chatty, 0) => "这事拖了好几天了。".to_owned(),
            (Register::Chatty, 1) => "差点把这件事忘了。".to_owned(),
            (Register::Chatty, 2) => format!("办公室里{noun}的事现在全归我管了。"),
            (Register::Chatty, 3) => "今天手头乱成一团，这件事就托给你了。".to_owned(),
            (_, 0) => format!("这周我在清理我们的{noun}档案。"),
            (_, 1) => "同事托我办一件事。".to_owned(),
            (_, 2) => "早上开会定下来的事，现在来办一下。".to_owned(),
            (_, 3) => format!("我负责一部分{noun}档案。"),
            (_, 4) => "这周我替同事值班。".to_owned(),
            (_, _) => "这件事需要在周末之前办妥。".to_owned(),
        };
        text.push_str(&behind);
    }
    text.push_str(core);
    if draw.percent(closes) {
        text.push_str(one_of(thanks(register), draw));
    }
    text
}

fn one_of(items: &'static [&'static str], draw: &mut Draw) -> &'static str {
    draw.pick(items).copied().unwrap_or_default()
}

fn greetings(register: Register) -> &'static [&'static str] {
    match register {
        Register::Short => &["在吗？"],
        Register::Plain => &["你好！", "你好，", "打扰一下。", "有个问题想请教。"],
        Register::Polite => &["您好！", "您好，", "不好意思打扰您了。", "冒昧打扰一下。"],
        Register::Chatty => &["嗨！", "哈喽，", "又来麻烦你啦。", "急急急！", "话说，"],
    }
}

fn background(topic: &Topic, draw: &mut Draw) -> String {
    let Topic { noun, title, register } = topic;
    if *register == Register::Short {
        return one_of(&["在校对稿子。", "在填表。", "核对数据用。", "赶报告。", "整理资料中。"], draw)
            .to_owned();
    }
    if *register == Register::Chatty && draw.percent(35) {
        return match draw.below(7) {
            0 => format!("午饭的时候跟同事为{noun}的事争起来了。"),
            1 => "我家孩子做作业卡在这儿了。".to_owned(),
            2 => "刚跟朋友打了个赌。".to_owned(),
            3 => format!("最近迷上了{noun}，越看越停不下来。"),
            4 => "资料翻了一上午，眼睛都花了。".to_owned(),
            5 => "群里正聊这个，谁也说服不了谁。".to_owned(),
            _ => "我记性不好，以前查过又忘了。".to_owned(),
        };
    }
    if let (Some(title), true) = (title, draw.percent(45)) {
        return match draw.below(10) {
            0 => format!("我在准备一份关于{title}的讲义。"),
            1 => format!("同事问了我一个关于{title}的问题，我不想凭印象回答。"),
            2 => format!("我们要办一场以{title}为主题的知识竞赛。"),
            3 => format!("我下周要做一个关于{title}的报告，材料还没备齐。"),
            4 => format!("女儿的小课题选了{title}。"),
            5 => format!("我刚开始接触{title}，很多东西还不熟。"),
            6 => format!("我在出一份关于{title}的试卷，参考答案不能有错。"),
            7 => format!("展台上有位观众问起{title}，我一时答不上来。"),
            8 => format!("我在写一篇介绍{title}的短文。"),
            _ => format!("我们在翻译一本讲{title}的书，原文这里印糊了。"),
        };
    }
    match draw.below(14) {
        0 => format!("我在核对一份{noun}资料，有一处还空着。"),
        1 => format!("我们的{noun}手册正在修订。"),
        2 => format!("我手头有两份{noun}清单，对不上。"),
        3 => format!("我在整理一张{noun}的表格。"),
        4 => "我在校对一篇稿子，想把细节核实清楚。".to_owned(),
        5 => "编辑把稿子退了回来，在旁边打了个问号。".to_owned(),
        6 => "以前的笔记找不到了。".to_owned(),
        7 => "答应了读者今晚之前回复。".to_owned(),
        8 => format!("我在给一张讲{noun}的插图写说明。"),
        9 => format!("别人填的一条{noun}记录，我看着不太放心。"),
        10 => "报告就差最后一点内容了。".to_owned(),
        11 => format!("我在做一页关于{noun}的幻灯片。"),
        12 => "开会的时候有人问起，当场没人答得上来。".to_owned(),
        _ => "网上的说法不一，我想以系统里的记录为准。".to_owned(),
    }
}

fn purpose(topic: &Topic, explained: bool, draw: &mut Draw) -> String {
    let Topic { noun, title, register } = topic;
    match register {
        Register::Short => {
            return one_of(&["只要结果。", "急用。", "以系统记录为准。", "不用解释。"], draw).to_owned();
        }
        Register::Chatty if draw.percent(40) => {
            let turns: &[&str] = &[
                "赌注是一杯奶茶，所以得查准了。",
                "我可不想再凭记忆瞎说了。",
                "等着拿去跟他们对质呢。",
                "马上要开会了，有点急。",
                "直接说结果就行，不用讲道理。",
            ];
            return draw.pick(turns).copied().unwrap_or_default().to_owned();
        }
        Register::Plain | Register::Polite | Register::Chatty => {}
    }
    if !explained && draw.percent(30) {
        return title
            .map_or_else(|| format!("这是写{noun}介绍要用的。"), |title| format!("我写{title}的综述要用。"));
    }
    let turns: &[&str] = &[
        "今天下午的报告要用。",
        "我要在文章里引用，请以记录为准。",
        "有人凭记忆跟我说过，我还是想核实一下。",
        "打算放进幻灯片里。",
        "不用解释，有结果就行。",
        "我不想只凭印象。",
        "一句话回复就可以。",
        "手边的印刷版已经过时了，所以得重新查。",
        "查到之后我会转告提问的人。",
        "十分钟后就要开会了。",
        "就算看着奇怪，也请以系统里的记录为准。",
        "我要拿它和别人的版本核对。",
    ];
    draw.pick(turns).copied().unwrap_or_default().to_owned()
}

fn thanks(register: Register) -> &'static [&'static str] {
    match register {
        Register::Short => &["谢。", "谢了。"],
        Register::Plain => &["谢谢！", "多谢。", "先谢了。", "辛苦了。"],
        Register::Polite => &["非常感谢！", "谢谢您！", "有劳您了。", "先谢过了。"],
        Register::Chatty => &["谢啦！", "感谢感谢！", "拜托啦！", "辛苦辛苦！"],
    }
}
