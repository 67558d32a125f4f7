//! Exact weights at random positions: requests are taken in blocks of 100, each a shuffled deck
//! of the numbers 0 to 99. A request whose number is below blue's weight goes to blue. The weight
//! is read fresh for every request, and a new weight begins a new block, so that of every 100
//! requests under one weight exactly that many go there.

use rand::RngExt as _;

#[derive(Debug)]
pub(crate) struct Deck {
    cards: [u8; 100],
    next: usize,
}

impl Default for Deck {
    fn default() -> Self {
        let mut cards = [0; 100];
        for (i, card) in cards.iter_mut().enumerate() {
            *card = i as u8;
        }
        Deck { cards, next: 100 }
    }
}

impl Deck {
    /// The next number.
    pub(crate) fn draw(&mut self) -> u8 {
        if self.next >= self.cards.len() {
            self.shuffle();
        }
        let card = self.cards[self.next];
        self.next += 1;
        card
    }

    /// Begins a new block: the weight has changed.
    pub(crate) fn begin(&mut self) {
        self.next = self.cards.len();
    }

    fn shuffle(&mut self) {
        let mut rng = rand::rng();
        for i in (1..self.cards.len()).rev() {
            self.cards.swap(i, rng.random_range(0..=i));
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_is_exact_and_blocks_differ() {
        let mut deck = Deck::default();
        let mut blocks = Vec::new();
        for weight in [1, 10, 50, 99] {
            for _ in 0..20 {
                let block: Vec<bool> = (0..100).map(|_| deck.draw() < weight).collect();
                assert_eq!(block.iter().filter(|b| **b).count(), weight as usize);
                if weight == 50 {
                    blocks.push(block);
                }
            }
        }
        blocks.sort();
        blocks.dedup();
        assert_eq!(blocks.len(), 20);
    }

    #[test]
    fn a_new_weight_is_exact_from_its_first_request() {
        let mut deck = Deck::default();
        for drawn in 0..100 {
            for _ in 0..drawn {
                deck.draw();
            }
            deck.begin();
            assert_eq!((0..1000).filter(|_| deck.draw() < 10).count(), 100);
        }
    }

    #[test]
    fn positions_are_uniform() {
        let mut deck = Deck::default();
        let mut at = [0u32; 100];
        for _ in 0..20_000 {
            for slot in &mut at {
                *slot += u32::from(deck.draw() == 0);
            }
        }
        // 200 expected at each position; 6 standard deviations.
        assert!(at.iter().all(|n| (115..285).contains(n)), "{at:?}");
    }
}
