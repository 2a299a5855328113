//! Errands in Chinese, with turns of phrase of their own.

use super::english::{Words, plain};
use super::theme::{Extra, Part, Theme};
use super::{Act, DeskPiece, DeskRead, Errand, Fill, Listed, Target, Tell, With};
use crate::draw::Draw;
use crate::question::Entity;
use crate::tables::Kind;
use jiff::civil::Date;
use serde_json::Value as Json;

/// A desk's own words.
struct Say {
    noun: &'static str,
    /// Classifier.
    one: &'static str,
    make: &'static [&'static str],
    end: &'static [&'static str],
    confirm: &'static str,
    choice: &'static str,
    copy: &'static str,
}

fn say_of(theme: &Theme) -> Say {
    match theme.extra {
        Extra::Queue => Say {
            noun: "复核工单",
            one: "张",
            make: &["提交", "新建", "登记", "开"],
            end: &["撤回", "取消"],
            confirm: "正式提交",
            choice: "优先级",
            copy: "现有数值",
        },
        Extra::Due => Say {
            noun: "档案借阅",
            one: "笔",
            make: &["登记", "办理", "申请", "安排"],
            end: &["取消", "撤销"],
            confirm: "确认",
            choice: "搬运方式",
            copy: "数值",
        },
        Extra::SameDay => Say {
            noun: "检查预约",
            one: "个",
            make: &["预订", "安排", "登记", "约"],
            end: &["取消", "撤掉"],
            confirm: "确认",
            choice: "检查范围",
            copy: "数值",
        },
        Extra::OnRecord => Say {
            noun: "数据监视",
            one: "项",
            make: &["设置", "新建", "添加", "开启"],
            end: &["移除", "停止"],
            confirm: "启用",
            choice: "检查频率",
            copy: "阈值",
        },
        Extra::Price => Say {
            noun: "资料页复印订单",
            one: "份",
            make: &["下", "提交", "新建", "登记"],
            end: &["取消", "撤销"],
            confirm: "放行",
            choice: "配送方式",
            copy: "封面文字",
        },
        Extra::Load => Say {
            noun: "核查任务",
            one: "项",
            make: &["新建", "安排", "登记", "添加"],
            end: &["撤销", "取消"],
            confirm: "下达",
            choice: "核查等级",
            copy: "基准值",
        },
    }
}

/// The core of the user's message.
pub(crate) fn say(errand: &Errand, words: &Words, draw: &mut Draw) -> String {
    let writer = Writer { errand, words, say: say_of(errand.theme), iso: draw.percent(35) };
    let mut out: String =
        errand.entities().into_iter().flat_map(|entity| (words.introduce)(entity)).collect();
    out.push_str(&writer.acts(draw));
    out.extend(writer.rule(draw));
    out.extend(writer.confirmation(draw));
    out.push_str(&writer.tell(draw));
    out
}

/// What one call finds out.
pub(crate) fn piece(piece: &DeskPiece, words: &Words) -> String {
    let say = say_of(piece.theme);
    let on = piece.on.as_ref().map_or(String::new(), |on| format!("关于{}的", (words.entity)(on)));
    let whose = piece.person.as_ref().map_or(String::new(), |person| format!("{person}名下"));
    match piece.read {
        DeskRead::FirstEntry | DeskRead::Made => format!("{whose}{on}有效{}是哪一{}？", say.noun, say.one),
        DeskRead::Total => format!("{whose}{on}有效{}现有多少{}？", say.noun, say.one),
        DeskRead::Extra => format!("该{}目前的情况如何？", say.noun),
    }
}

/// The goal of all writing calls.
pub(crate) const DONE: &str = "登记的内容是否都符合要求？";

fn pick(options: &[String], draw: &mut Draw) -> String {
    draw.pick(options).cloned().unwrap_or_default()
}

struct Writer<'a> {
    errand: &'a Errand,
    words: &'a Words<'a>,
    say: Say,
    iso: bool,
}

impl Writer<'_> {
    fn person(&self, person: usize) -> &str {
        &self.errand.desk.people[person].name
    }

    fn day(&self, value: &Json) -> String {
        let text = value.as_str().unwrap_or_default();
        match text.parse::<Date>() {
            Ok(day) if !self.iso => format!("{}年{}月{}日", day.year(), day.month(), day.day()),
            _ => text.to_owned(),
        }
    }

    /// The Chinese of a choice's word, with the word of the tools beside it, which no translation would hit for sure.
    fn choice(&self, field: usize, word: &str) -> String {
        let known = self.errand.theme.fields[field].words.iter().find(|(known, _)| *known == word);
        match known {
            Some((word, zh)) if word != zh => format!("“{zh}”（{word}）"),
            _ => word.to_owned(),
        }
    }

    fn entity(&self, entity: &Entity) -> String {
        let said = (self.words.entity)(entity);
        if self.errand.entities().len() == 1 {
            (self.words.remember)(entity);
        }
        said
    }

    fn target(&self, target: &Target) -> String {
        match target {
            Target::Row(entity) => self.entity(entity),
            Target::Best { of, column, largest } => {
                let column = &self.words.group.tables[self.errand.table].columns[*column];
                let names: Vec<String> = of.iter().map(|of| (self.words.entity)(of)).collect();
                let what = column.zh.as_deref().unwrap_or(&column.words);
                let ends = |letters: &[char]| what.ends_with(letters);
                let degree = match (column.kind == Kind::Date || ends(&['年', '份']), largest) {
                    (true, true) => "较晚",
                    (true, false) => "较早",
                    (false, true) if ends(&['点', '温', '拔', '价', '率']) => "较高",
                    (false, false) if ends(&['点', '温', '拔', '价', '率']) => "较低",
                    (false, true) => "较大",
                    (false, false) => "较小",
                };
                let degree = if names.len() > 2 { degree.replace('较', "最") } else { degree.to_owned() };
                format!(
                    "{}当中{what}{degree}的那个",
                    super::english::joined(&names, "和").replace(", ", "、")
                )
            }
        }
    }

    fn details(&self, fills: &[Fill]) -> String {
        let mut parts: Vec<String> = Vec::new();
        for fill in fills {
            let field = &self.errand.theme.fields[fill.field];
            match &fill.with {
                With::Said(value) => {
                    let text = plain(value);
                    parts.push(match (field.part, self.errand.theme.extra) {
                        (Part::Note, _) => format!("备注写“{text}”"),
                        (Part::Choice, _) => {
                            format!("{}为{}", self.say.choice, self.choice(fill.field, &text))
                        }
                        (Part::Copy, _) => format!("{}设为{text}", self.say.copy),
                        (Part::Day, Extra::Due) => format!("从{}起", self.day(value)),
                        (Part::Day, Extra::Load) => format!("截止日期{}", self.day(value)),
                        (Part::Day, _) => format!("日期{}", self.day(value)),
                        (Part::Slot, _) => format!("{text}开始"),
                        (Part::Amount, Extra::Due) => format!("借期{text}天"),
                        (Part::Amount, Extra::Load) => format!("预留{text}小时"),
                        (Part::Amount, _) => format!("共{text}份复印件"),
                    });
                }
                With::Found(scalar) => {
                    parts.push(format!("{}填{}", self.say.copy, (self.words.scalar)(scalar)));
                }
                With::Ruled { .. } => {}
            }
        }
        if parts.is_empty() { String::new() } else { format!("，{}", parts.join("，")) }
    }

    fn acts(&self, draw: &mut Draw) -> String {
        match self.errand.acts.as_slice() {
            [Act::Cancel { entry }, Act::Create { on, person, fills }] => {
                self.moved(entry, on, *person, fills, draw)
            }
            [Act::Create { on, person, fills }, rest @ ..] => {
                let second = rest.iter().find_map(|act| match act {
                    Act::Create { on, .. } => Some(on),
                    Act::Confirm { .. } | Act::Update { .. } | Act::Cancel { .. } => None,
                });
                self.created(on, second, *person, fills, draw)
            }
            [Act::Update { entry, fills }, ..] => self.updated(entry, fills, draw),
            [Act::Cancel { entry }, ..] => self.cancelled(entry, draw),
            [] | [Act::Confirm { .. }, ..] => String::new(),
        }
    }

    fn created(
        &self,
        on: &Target,
        second: Option<&Target>,
        person: usize,
        fills: &[Fill],
        draw: &mut Draw,
    ) -> String {
        let (who, noun, one) = (self.person(person), self.say.noun, self.say.one);
        let v = draw.pick(self.say.make).copied().unwrap_or("新建");
        let n = format!("一{one}{noun}");
        // 给两者各安排一笔, not 安排各一笔.
        let (on, v) = match second {
            None => (self.target(on), v.to_owned()),
            Some(second) => (format!("{}和{}", self.target(on), self.target(second)), format!("各{v}")),
        };
        let with = self.details(fills);
        pick(
            &[
                format!("请以{who}的名义，为{on}{v}{n}{with}。"),
                format!("麻烦替{who}针对{on}{v}{n}{with}。"),
                format!("{who}需要针对{on}{v}{n}{with}，请代为办理。"),
                format!("能不能帮{who}给{on}{v}{n}{with}？"),
                format!("我想请你为{on}{v}{n}，记在{who}名下{with}。"),
                format!("针对{on}，请{v}{n}，归{who}{with}。"),
                format!("{who}托我给{on}{v}{n}{with}，请办一下。"),
            ],
            draw,
        )
    }

    fn entry(&self, listed: &Listed) -> String {
        let noun = self.say.noun;
        let who = listed.person.map(|person| self.person(person));
        match (&listed.on, who) {
            (Some(on), Some(who)) => {
                format!("{who}名下关于{}的那{}有效{noun}", self.entity(on), self.say.one)
            }
            (Some(on), None) => format!("关于{}的那{}有效{noun}", self.entity(on), self.say.one),
            (None, Some(who)) => format!("{who}名下那{}有效{noun}", self.say.one),
            (None, None) => String::new(),
        }
    }

    fn updated(&self, listed: &Listed, fills: &[Fill], draw: &mut Draw) -> String {
        let e = self.entry(listed);
        let theme = self.errand.theme;
        let parts: Vec<String> = fills
            .iter()
            .filter_map(|fill| {
                let With::Said(value) = &fill.with else { return None };
                let text = plain(value);
                Some(match (theme.fields[fill.field].part, theme.extra) {
                    (Part::Note, _) => format!("备注改成“{text}”"),
                    (Part::Choice, _) => format!("{}改为{}", self.say.choice, self.choice(fill.field, &text)),
                    (Part::Copy, _) => format!("{}改为{text}", self.say.copy),
                    (Part::Day, Extra::Due) => format!("起始日期改到{}", self.day(value)),
                    (Part::Day, Extra::Load) => format!("截止日期改到{}", self.day(value)),
                    (Part::Day, _) => format!("日期改到{}", self.day(value)),
                    (Part::Slot, _) => format!("时间改为{text}"),
                    (Part::Amount, Extra::Due) => format!("借期改为{text}天"),
                    (Part::Amount, Extra::Load) => format!("预留时间改为{text}小时"),
                    (Part::Amount, _) => format!("份数改为{text}份"),
                })
            })
            .collect();
        let change = parts.join("，");
        pick(
            &[
                format!("请把{e}调整一下：{change}。"),
                format!("{e}有变动，{change}。"),
                format!("麻烦改一下{e}，{change}。"),
                format!("{e}需要改动一下：{change}。"),
                format!("{e}要修改，请{change}。"),
                format!("能不能把{e}改一改？{change}。"),
            ],
            draw,
        )
    }

    fn cancelled(&self, listed: &Listed, draw: &mut Draw) -> String {
        let e = self.entry(listed);
        let v = draw.pick(self.say.end).copied().unwrap_or("取消");
        pick(
            &[
                format!("请{v}{e}。"),
                format!("{e}用不着了，请{v}。"),
                format!("麻烦把{e}{v}。"),
                format!("能帮忙{v}{e}吗？"),
                format!("{e}已经没有必要，{v}吧。"),
                format!("我这边想{v}{e}，请办一下。"),
            ],
            draw,
        )
    }

    fn moved(&self, listed: &Listed, on: &Target, person: usize, fills: &[Fill], draw: &mut Draw) -> String {
        let (e, who, noun, one) = (self.entry(listed), self.person(person), self.say.noun, self.say.one);
        let (v, end) = (self.say.make.first().unwrap_or(&"新建"), self.say.end.first().unwrap_or(&"取消"));
        let (on, with) = (self.target(on), self.details(fills));
        pick(
            &[
                format!("请{end}{e}，改为替{who}给{on}{v}一{one}{noun}{with}。"),
                format!("{e}弄错了对象，请{end}，再以{who}的名义为{on}{v}一{one}{with}。"),
                format!("{who}改主意了：{end}{e}，另给{on}{v}一{one}{with}。"),
                format!("麻烦把{e}{end}，换成为{on}{v}的一{one}，仍归{who}{with}。"),
                format!("不要{e}了，请{end}；{who}要的是针对{on}的一{one}，请重新{v}{with}。"),
                format!("能不能{end}{e}，再替{who}针对{on}{v}一{one}新的{with}？"),
            ],
            draw,
        )
    }

    fn rule(&self, draw: &mut Draw) -> Option<String> {
        let fill = self
            .errand
            .acts
            .iter()
            .flat_map(Act::fills)
            .find(|fill| matches!(fill.with, With::Ruled { .. }))?;
        let With::Ruled { test, bound, above, below } = &fill.with else { return None };
        let field = &self.errand.theme.fields[fill.field];
        let word =
            |at: usize| field.words.get(at).map_or(String::new(), |(word, _)| self.choice(fill.field, word));
        let (a, b, c) = (word(*above), word(*below), self.say.choice);
        let x = (self.words.scalar)(test);
        // The value's phrase says the unit.
        let limit = plain(&bound.json());
        Some(pick(
            &[
                format!("如果{x}不低于{limit}，{c}用{a}，否则用{b}。"),
                format!("{c}看{x}：达到{limit}的用{a}，不到的用{b}。"),
                format!("{x}达到{limit}就选{a}作为{c}，不到就选{b}。"),
                format!("至于{c}，{x}在{limit}及以上为{a}，以下为{b}。"),
                format!("{c}一般是{b}，但{x}若不小于{limit}，就定为{a}。"),
                format!("{c}取决于{x}，{limit}以上（含）为{a}，其余为{b}。"),
            ],
            draw,
        ))
    }

    fn confirmation(&self, draw: &mut Draw) -> Option<String> {
        self.errand.acts.iter().find(|act| matches!(act, Act::Confirm { .. }))?;
        let v = self.say.confirm;
        Some(pick(
            &[
                format!("随后请{v}，让它生效。"),
                format!("别停在草稿状态，马上{v}。"),
                format!("办好后一并{v}。"),
                format!("另外请直接{v}。"),
                format!("接着把它{v}。"),
                format!("要立刻生效，所以也请{v}。"),
            ],
            draw,
        ))
    }

    fn tell(&self, draw: &mut Draw) -> String {
        let (noun, one) = (self.say.noun, self.say.one);
        let what = match &self.errand.tell {
            Tell::Value(scalar) => {
                let written = self
                    .errand
                    .acts
                    .iter()
                    .flat_map(Act::fills)
                    .any(|fill| fill.with == With::Found(scalar.clone()));
                if written && draw.percent(60) {
                    format!("填进去的{}是什么", self.say.copy)
                } else {
                    (self.words.scalar)(scalar)
                }
            }
            Tell::Chosen { .. } => format!("最后定的{}", self.say.choice),
            Tell::OpenNow { person } => format!("{}名下此时有多少{one}有效{noun}", self.person(*person)),
            Tell::Extra { .. } => match self.errand.theme.extra {
                Extra::Queue => "它排在第几位".to_owned(),
                Extra::Due => "档案应在哪天归还".to_owned(),
                Extra::SameDay => format!("当天连这{one}在内共有多少{one}{noun}"),
                Extra::OnRecord => format!("这条记录连这{one}在内共有多少{one}有效{noun}"),
                Extra::Price => "总共多少钱".to_owned(),
                Extra::Load => "此人名下未完成的任务共多少小时".to_owned(),
            },
        };
        pick(
            &[
                format!("办完后告诉我{what}。"),
                format!("之后请告知{what}。"),
                format!("最后我想知道{what}。"),
                format!("完成后回复我{what}。"),
                format!("弄好了跟我说一声{what}。"),
                format!("事成之后请报一下{what}。"),
            ],
            draw,
        )
    }
}
